/** Solve times in ms as a log-normal distribution: the logarithm of the time is normally distributed. */
export interface LogNormal {
  /** The natural logarithm of the median in ms. */
  readonly mu: number
  /** The standard deviation of the logarithm. */
  readonly sigma: number
}

/** The observation of one task: it became ready later than `after` and not later than `by`. Both in ms. */
export interface ReadyInterval {
  readonly after: number
  readonly by: number
}

/** The share of tasks (0 to 1) that are ready after so many ms. */
export function readyBy({ mu, sigma }: LogNormal, ms: number): number {
  return ms <= 0 ? 0 : standardNormalCdf((Math.log(ms) - mu) / sigma)
}

/** The prior belief, and as how many tasks it counts. The smaller the weight, the sooner observations replace it. */
export interface Prior extends LogNormal {
  /** The weight of the median, as a number of tasks. */
  readonly weight: number
  /** The weight of the spread, as a number of tasks. */
  readonly spreadWeight: number
}

/**
 * The maximum-likelihood distribution, by expectation-maximisation over the observed intervals. Older ones count less.
 * @param seen oldest first
 * @param decay the weight of each interval relative to the next one
 */
export function maximumLikelihood(before: Prior, seen: readonly ReadyInterval[], decay: number): LogNormal {
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
      share *= decay
    }
    mu = (sum + before.weight * before.mu) / (total + before.weight)
    // Variance around the new mean: a prior with another mean must not widen the spread.
    const around = squares - 2 * mu * sum + total * mu ** 2
    const variance = (around + before.spreadWeight * before.sigma ** 2) / (total + before.spreadWeight)
    sigma = Math.min(Math.max(Math.sqrt(Math.max(variance, 0)), MIN_SIGMA), MAX_SIGMA)
  }
  return { mu, sigma }
}

const STEPS = 12
const MIN_SIGMA = 0.12
const MAX_SIGMA = 1.2

/** Mean and variance of a normal value that is known to lie between two bounds (a truncated normal). */
function between(mu: number, sigma: number, { after, by }: ReadyInterval): { mean: number; variance: number } {
  const upper = Math.log(Math.max(by, 1))
  const lower = after <= 0 ? Number.NEGATIVE_INFINITY : Math.log(after)
  const b = (upper - mu) / sigma
  const a = (lower - mu) / sigma
  const mass = standardNormalCdf(b) - standardNormalCdf(a)
  // The probability is so small that the formulas are numerically useless: take the nearer bound.
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
