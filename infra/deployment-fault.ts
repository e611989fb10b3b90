/** What somebody gave is wrong; the message names all of it and says what to write instead. */
export class DeploymentFault extends Error {
  override readonly name = 'DeploymentFault';
}
