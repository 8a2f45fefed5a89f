// The jobs of this server. A run has `job`, `run` (its id), `scheduled_at`, `attempt` if it is not the first, `payload`.
async function refreshPrices(run) {
  const answer = await fetch(process.env.PRICES_URL, { signal: AbortSignal.timeout(50_000) }); // sooner than the balancer
  if (!answer.ok) throw new Error(`the price list answered ${answer.status}`);
  console.log(`${run.run}: ${(await answer.json()).length} prices, attempt ${run.attempt ?? 1}`);
}

export const jobs = new Map([["refresh-prices", refreshPrices]]);
