import type { AuditSink } from '../audit/sink.js'
import type { GuardOptions } from '../guard/options.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Money } from '../policy/money.js'
import type { BudgetInput, DailyAmount, PolicyInput } from '../policy/schema.js'
import type { SecretProvider } from '../secrets/provider.js'
import type { VaultSecretOptions } from '../secrets/vault.js'
import type { Solver } from '../solvers/solver.js'
import type { SolverName } from '../solvers/table.js'

/** What a configuration is for. `SOLVEGUARD_PROFILE` or `--profile` selects one. */
export type ProfileName = 'development' | 'ci' | 'production'

/** The name of a service, such as `captchaai`. */
export type ServiceName = SolverName

/** A service by its name, with its options. */
export interface ServiceConfig {
  /** The service's name. */
  name: ServiceName
  /**
   * The service's base address: `https:`, or `http:` on a loopback address.
   * @default the service's own
   */
  baseUrl?: string | undefined
  /**
   * Whether a cost that the service reports is booked however low it is.
   * @default false
   */
  trustCost?: boolean | undefined
}

/** The place of the key: the key itself is never in a configuration. */
export type SecretPlace =
  | {
      /** The name of a variable. */
      env: string
      /**
       * Whether the variable stays in the environment once it was read.
       * @default false
       */
      keep?: boolean | undefined
    }
  | {
      /** The path of a file, from the folder of the configuration. */
      file: string
      /**
       * Whether the file's group may read it (mode 640).
       * @default false
       */
      allowGroup?: boolean | undefined
      /**
       * Whether all users may read it: for a file that is mounted into a container.
       * @default false
       */
      mounted?: boolean | undefined
    }
  | {
      /** A program and its arguments: it prints the key. */
      exec: [string, ...string[]]
      /**
       * Whether the key is the first line of what is printed.
       * @default false
       */
      firstLine?: boolean | undefined
    }
  | {
      /** A secret in HashiCorp Vault. */
      vault: Pick<VaultSecretOptions, 'path' | 'mount' | 'field' | 'address' | 'namespace'>
    }
  | {
      /** The name or the ARN of a secret in AWS Secrets Manager. */
      aws: string
      /**
       * The region of the secret.
       * @default the region of the ARN, or of AWS's own tools
       */
      region?: string | undefined
      /**
       * The field of a JSON secret that is the key.
       * @default none: the secret is the key
       */
      field?: string | undefined
    }

/** A ledger by its place. A password for Redis is in `SOLVEGUARD_LEDGER`, with the whole address. */
export type LedgerPlace =
  | {
      /** The folder of a file ledger, from the folder of the configuration. */
      dir: string
    }
  | {
      /** The database file of a file ledger. */
      file: string
    }
  | {
      /** `redis://host:6379` or `rediss://…`. */
      redis: string
      /**
       * The prefix of the names in Redis.
       * @default 'solveguard'
       */
      prefix?: string | undefined
    }

/** An audit log in a folder. */
export interface AuditPlace {
  /** The folder, from the folder of the configuration. */
  dir: string
  /**
   * Where the key of the HMAC is.
   * @default none: the chain is one of plain hashes
   */
  key?: SecretPlace | undefined
}

/** An amount: `usd(5)`, or `'$5'` where there is no code. */
export type AmountConfig = Money | `$${number}`

/** An amount for a calendar day. */
export interface CalendarAmountConfig {
  /** The amount. */
  amount: AmountConfig
  /** Always `calendar`: the amount is for a calendar day. */
  resets: 'calendar'
  /**
   * An IANA name, such as `Europe/Berlin`.
   * @default the zone of the schedule; without one, UTC
   */
  timeZone?: string | undefined
}

/** Limits on spending, as `policy.budget` of `createGuard` has them, with amounts that JSON can hold too. */
export interface BudgetConfig extends Omit<BudgetInput, 'perDay' | 'perSolve' | 'perOrigin'> {
  /**
   * The amount in any 24 hours, or on a calendar day.
   * @default '$1'
   */
  perDay?: DailyAmount | AmountConfig | CalendarAmountConfig | undefined
  /**
   * The highest price of one solve.
   * @default not limited
   */
  perSolve?: AmountConfig | undefined
  /**
   * The amount for each page origin.
   * @default not limited
   */
  perOrigin?: DailyAmount | AmountConfig | CalendarAmountConfig | undefined
}

/** What is allowed, as `policy` of `createGuard` has it, with amounts that JSON can hold too. */
export interface PolicyConfig extends Omit<PolicyInput, 'budget' | 'origins'> {
  /**
   * The origins that are allowed: `https://host`, `https://host:port` or `https://*.host`.
   * @default none: nothing may be solved
   */
  origins?: string[] | undefined
  /** Limits on spending. */
  budget?: BudgetConfig | undefined
}

/** What a profile may set: each field replaces that of the configuration; of `policy`, each field of it. */
export type ProfileConfig = Omit<SolveguardConfig, 'profiles'>

/**
 * A configuration: the default export of `solveguard.config.ts`, or the object in `solveguard.config.json`. It has the
 * options of `createGuard`, each of which may be plain data as well.
 */
export interface SolveguardConfig extends Omit<GuardOptions, 'solver' | 'secret' | 'ledger' | 'audit' | 'policy'> {
  /** Where editors find the schema, in a JSON file. */
  $schema?: string | undefined
  /**
   * The service that solves.
   * @default 'captchaai'
   */
  solver?: ServiceName | ServiceConfig | Solver | undefined
  /**
   * Where the key is. Never the key.
   * @default { env: 'SOLVEGUARD_KEY' }
   */
  secret?: SecretPlace | SecretProvider | undefined
  /** What is allowed. */
  policy?: PolicyConfig | undefined
  /**
   * Where spending is counted.
   * @default a file ledger in `stateDir`
   */
  ledger?: LedgerPlace | Ledger | undefined
  /**
   * Where audit records go.
   * @default the folder `audit` in `stateDir`
   */
  audit?: AuditPlace | AuditSink | readonly AuditSink[] | undefined
  /**
   * The address of a broker that solves in place of the service. Its token is in `SOLVEGUARD_TOKEN`.
   * @default none: this machine has the key
   */
  broker?: string | undefined
  /**
   * The file (PEM) of the authority that the broker's certificate is from.
   * @default the machine's authorities
   */
  brokerCa?: string | undefined
  /** What differs on a developer's machine, in CI and in production. */
  profiles?: Partial<Record<ProfileName, ProfileConfig>> | undefined
}

/** What a configuration that is a function is called with. */
export interface ConfigContext {
  /** The profile that holds. */
  readonly profile: ProfileName
}

/** What `solveguard.config.ts` may export. */
export type ConfigInput = SolveguardConfig | ((context: ConfigContext) => SolveguardConfig | Promise<SolveguardConfig>)
