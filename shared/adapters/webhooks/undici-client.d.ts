/** The package types its index only. */
declare module 'undici/lib/dispatcher/client.js' {
  export { Client as default } from 'undici';
}
