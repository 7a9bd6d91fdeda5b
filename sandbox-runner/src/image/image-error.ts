/** The agent image cannot be made here; the message says why and what to do. */
export class ImageError extends Error {
  override name = 'ImageError';
}
