/** What every AWS client is made with, e.g. `new SQSClient(AWS_CLIENT_OPTIONS)`. */
export const AWS_CLIENT_OPTIONS = {
  /** Retries have one home: `call-aws.ts`. */
  maxAttempts: 1,
  requestHandler: {
    /** Without bounds of its own the SDK waits for an answer that never comes. Unit: ms. */
    connectionTimeout: 1_000,
    requestTimeout: 10_000,
    throwOnRequestTimeout: true,
    /** A group of answers is committed by some hundred writes at once. */
    httpsAgent: { maxSockets: 256 },
    httpAgent: { maxSockets: 256 },
  },
};

/** The same for S3, whose uploads are guarded by TLS and the signature already. */
export const S3_CLIENT_OPTIONS = {
  ...AWS_CLIENT_OPTIONS,
  /** Else presigned URLs would ask the caller for a checksum of an empty body. */
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
} as const;
