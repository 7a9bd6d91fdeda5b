/** Asks the carrier's service whether it is up, because quotes are worthless when nobody collects the parcels. */
const carrierUrl = process.env.CARRIER_URL;

if (!carrierUrl) {
  console.log('CARRIER_URL is not set: carrier contract skipped');
} else {
  const url = new URL('/health', carrierUrl);
  console.log(`GET ${url}`);
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`the carrier answered ${response.status}`);
  console.log(`the carrier is up (${response.status})`);
}
