/** What a key of a caller's stands for. */
export interface IdClaim {
  /** Digest of what was asked for. */
  readonly fingerprint: string;
  /** Of what is made for it. */
  readonly id: string;
}

/** Keys under which something is made once. */
export interface IdClaims {
  /** The claim that stands, if one was made. */
  find(tenant: string, key: string): Promise<IdClaim | null>;
  /** The claim that stands: the first one made. Atomic; durable on return. */
  claim(tenant: string, key: string, claim: IdClaim): Promise<IdClaim>;
}
