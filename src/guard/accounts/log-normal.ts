/** How long tasks take, as a log-normal distribution: the logarithm of the time is normal. Times in milliseconds. */
export interface LogNormal {
  /** The logarithm of the median. */
  readonly mu: number
  /** The standard deviation of the logarithm. */
  readonly sigma: number
}

/** What was seen of one task: it was ready at some time after `after`, and by `by`. */
export interface ReadyInterval {
  readonly after: number
  readonly by: number
}

/** The share of tasks that are ready by a time. */
export function readyBy({ mu, sigma }: LogNormal, ms: number): number {
  return ms <= 0 ? 0 : standardNormalCdf((Math.log(ms) - mu) / sigma)
}

/** What is believed before anything was seen, and as how many tasks that counts: the less, the sooner it is forgotten. */
export interface Prior extends LogNormal {
  /** For the median. */
  readonly weight: number
  /** For the spread. */
  readonly spreadWeight: number
}

/**
 * The distribution that makes what was seen likeliest: expectation and maximisation, over intervals. What was seen long ago counts less.
 * @param seen oldest first
 * @param forget how much each counts of the one after it
 */
export function maximumLikelihood(before: Prior, seen: readonly ReadyInterval[], forget: number): LogNormal {
  let { mu, sigma } = before
  for (let step = 0; step < STEPS; step++) {
    let total = 0
    let sum = 0
    let squares = 0
    let share = 1
    for (let i = seen.length - 1; i >= 0; i--) {
      const { mean, variance } = between(mu, sigma, seen[i] as ReadyInterval)
      total += share
      sum += share * mean
      squares += share * (variance + mean ** 2)
      share *= forget
    }
    mu = (sum + before.weight * before.mu) / (total + before.weight)
    // Around the new middle: that the old belief was elsewhere does not make the times differ more.
    const around = squares - 2 * mu * sum + total * mu ** 2
    const variance = (around + before.spreadWeight * before.sigma ** 2) / (total + before.spreadWeight)
    sigma = Math.min(Math.max(Math.sqrt(Math.max(variance, 0)), NARROWEST), WIDEST)
  }
  return { mu, sigma }
}

const STEPS = 12
const NARROWEST = 0.12
const WIDEST = 1.2

/** Mean and variance of a normal value of which it is known between which bounds it lies. */
function between(mu: number, sigma: number, { after, by }: ReadyInterval): { mean: number; variance: number } {
  const upper = Math.log(Math.max(by, 1))
  const lower = after <= 0 ? Number.NEGATIVE_INFINITY : Math.log(after)
  const b = (upper - mu) / sigma
  const a = (lower - mu) / sigma
  const mass = standardNormalCdf(b) - standardNormalCdf(a)
  // So unlikely that the formulas say nothing any more: it lies at the nearer end.
  if (!(mass > 1e-6)) return { mean: b < 0 ? upper : lower, variance: 0 }
  const da = density(a)
  const db = density(b)
  const shift = (da - db) / mass
  const ends = ((a === Number.NEGATIVE_INFINITY ? 0 : a * da) - b * db) / mass
  return { mean: mu + sigma * shift, variance: Math.max(sigma ** 2 * (1 + ends - shift ** 2), 0) }
}

function density(z: number): number {
  return Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI)
}

/** The standard normal distribution (Abramowitz and Stegun 7.1.26: within 1.5e-7). */
function standardNormalCdf(z: number): number {
  const x = Math.abs(z) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const tail =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) *
    t *
    Math.exp(-(x ** 2))
  return z >= 0 ? 1 - tail / 2 : tail / 2
}
