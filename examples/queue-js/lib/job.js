const PATTERN = /^([a-z][a-z0-9-]*)(?:@([1-9]))?$/;

/** Reads `name@urgency`; urgency is 5 where it is not given. Null for anything else. */
function parseJob(text) {
  const match = PATTERN.exec(text.trim());
  return match === null ? null : { name: match[1], urgency: Number(match[2] ?? 5) };
}

module.exports = { parseJob };
