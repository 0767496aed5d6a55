/** The configuration file: `solveguard/config`. Loads nothing. */
import type { ConfigInput } from './types.js'

export type {
  AmountConfig,
  AuditPlace,
  BudgetConfig,
  CalendarAmountConfig,
  ConfigContext,
  ConfigInput,
  LedgerPlace,
  PolicyConfig,
  ProfileConfig,
  ProfileName,
  SecretPlace,
  ServiceConfig,
  ServiceName,
  SolveguardConfig,
} from './types.js'

/**
 * Returns the configuration as it is: for its types in an editor.
 *
 * @example
 * // solveguard.config.ts
 * export default defineConfig({
 *   policy: { origins: ['https://staging.example.com'], budget: { perDay: '$5' } },
 *   profiles: { ci: { policy: { budget: { perDay: '$1' } } } },
 * })
 */
export function defineConfig<T extends ConfigInput>(config: T): T {
  return config
}
