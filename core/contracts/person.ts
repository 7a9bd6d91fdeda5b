/** A person's data lives in the subject table of its object; journals hold this reference only. */
export interface PersonRef {
  subject: string;
  /** Salted digest of the text: evidence that survives deletion. */
  digest: string;
}
