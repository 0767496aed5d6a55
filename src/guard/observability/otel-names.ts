import type { Money } from '../../policy/money.js'

/**
 * The attributes of this library's spans and measurements. They have the names of OpenTelemetry's semantic conventions
 * where those define one. A sitekey, a page's path and query, a key, a token and a solution are not among them.
 */
export const ATTRIBUTE = {
  guard: 'solveguard.guard',
  budget: 'solveguard.budget',
  family: 'solveguard.challenge.family',
  variant: 'solveguard.challenge.variant',
  page: 'solveguard.page.origin',
  solveId: 'solveguard.solve.id',
  outcome: 'solveguard.outcome',
  layer: 'solveguard.layer',
  solver: 'solveguard.solver',
  taskId: 'solveguard.task.id',
  cost: 'solveguard.cost',
  keyVersion: 'solveguard.key.version',
  route: 'solveguard.egress.route',
  error: 'error.type',
  method: 'http.request.method',
  status: 'http.response.status_code',
  host: 'server.address',
  port: 'server.port',
  url: 'url.full',
} as const

/** Micro-dollars as dollars, which is what a unit of `{USD}` means. */
export function inUsd(amount: Money): number {
  return amount / 1_000_000
}
