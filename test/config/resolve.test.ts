import { describe, expect, it } from 'vitest'
import { environmentConfig, selectProfile } from '../../src/config/environment.js'
import { checkPolicy, fileLayers, resolveConfig } from '../../src/config/resolve.js'
import type { SolveguardConfig } from '../../src/config/types.js'
import { configValues } from '../../src/config/values.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'

const KEY = '0123456789abcdef0123456789abcdef'
const FOLDER = process.cwd()
const origins = ['https://staging.example.com']

const fromFile = (value: unknown, profile: 'development' | 'ci' | 'production' = 'development') =>
  fileLayers(value, 'solveguard.config.json', FOLDER, profile)
const resolveFile = (value: unknown, profile?: 'development' | 'ci' | 'production') =>
  resolveConfig(fromFile(value, profile))

describe('the configuration', () => {
  it('takes a field from an option before the environment, before the profile, before the file', () => {
    const file = {
      name: 'file',
      policy: { origins, budget: { perDay: '$5', perMinute: 3 } },
      profiles: { ci: { name: 'profile', policy: { budget: { perDay: '$1' } } } },
    }
    const layers = fromFile(file, 'ci')
    const env = { source: 'env', config: environmentConfig({ SOLVEGUARD_NAME: 'env' }), folder: FOLDER }
    const option = { source: '--name', config: { name: 'option' }, folder: FOLDER }
    expect(resolveConfig([option, env, ...layers]).config.name).toBe('option')
    expect(resolveConfig([env, ...layers]).config.name).toBe('env')
    const { config, sources } = resolveConfig(layers)
    expect(config).toEqual({ name: 'profile', policy: { origins, budget: { perDay: usd(1), perMinute: 3 } } })
    expect(Object.fromEntries(sources)).toMatchObject({
      'policy.budget.perDay': 'solveguard.config.json, profile ci',
      'policy.budget.perMinute': 'solveguard.config.json',
    })
  })

  it('replaces origins and never joins them: a profile that names one site allows one', () => {
    const { config } = resolveFile(
      { policy: { origins }, profiles: { production: { policy: { origins: ['https://example.com'] } } } },
      'production',
    )
    expect(config.policy?.origins).toEqual(['https://example.com'])
  })

  it.each([
    ['ledger.redis', { ledger: { redis: 'redis://:hunter2@redis.internal' } }],
    ['policy.egress.proxy', { policy: { origins, egress: { proxy: 'http://me:hunter2@proxy.internal:3128' } } }],
    ['profiles.ci.ledger.redis', { profiles: { ci: { ledger: { redis: 'rediss://me:hunter2@redis.internal' } } } }],
  ])('refuses an address with a password as %s, and says where it goes', (path, value) => {
    for (const file of ['solveguard.config.json', 'solveguard.config.ts']) {
      const read = () => fileLayers(value, file, FOLDER, 'development')
      expect(read).toThrow(`${path} (${file}): has a password`)
      expect(read).not.toThrow('hunter2')
    }
  })

  it('takes a password that code has read from the environment, where there is no variable for the address', () => {
    const value = { policy: { origins, egress: { pageProxies: ['http://me:hunter2@proxy.internal:3128'] } } }
    expect(() => fileLayers(value, 'solveguard.config.ts', FOLDER, 'development')).not.toThrow()
    expect(() => fileLayers(value, 'solveguard.config.json', FOLDER, 'development')).toThrow('has a password')
  })

  it.each<[object, string]>([
    [{ broker: 'nonsense' }, "broker (solveguard.config.json): expected an address such as 'https://broker"],
    [{ broker: 'http://broker.internal' }, 'broker (solveguard.config.json): expected an address'],
    [
      { policy: { budget: { perDay: 5 } } },
      "policy.budget.perDay (solveguard.config.json): expected an amount such as '$5",
    ],
    [{ profiles: { prod: {} } }, 'profiles.prod (solveguard.config.json): expected development, ci and production'],
  ])('of %j names the key, the source and what is expected', (value, message) => {
    expect(() => resolveFile(value)).toThrow(message)
  })

  it('keeps what code has made as it is', () => {
    const ledger = memoryLedger()
    expect(resolveFile({ ledger, policy: { origins } }).config.ledger).toBe(ledger)
  })

  it.each<[string, unknown, string]>([
    [
      'a wrong amount',
      { policy: { budget: { perDay: '5 dollars' } } },
      'policy.budget.perDay (solveguard.config.json)',
    ],
    ['a bare amount', { policy: { budget: { perDay: 5 } } }, 'policy.budget.perDay (solveguard.config.json)'],
    ['an origin that is none', { policy: { origins: ['staging'] } }, 'policy.origins[0] (solveguard.config.json)'],
    ['an unknown field', { polcy: {} }, 'polcy (solveguard.config.json): there is no such field'],
    ['an unknown field of the policy', { policy: { orgins: [] } }, 'policy.orgins (solveguard.config.json)'],
    ['an unknown service', { solver: 'nosuch' }, 'solver (solveguard.config.json): expected one of captchaai'],
    ['a ledger of no kind', { ledger: { path: 'x' } }, 'ledger (solveguard.config.json)'],
    ['an unknown profile', { profiles: { staging: {} } }, 'expected development, ci and production'],
    ['a list', [], 'expected an object'],
    ['nothing', undefined, 'expected an object'],
    ['a policy that is a text', { policy: 'x' }, 'policy (solveguard.config.json)'],
    ['a policy that is null', { policy: null }, 'policy (solveguard.config.json)'],
  ])('with %s is refused with the path and the file', (_, value, message) => {
    expect(() => resolveFile(value)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => resolveFile(value)).toThrow(message)
  })

  it.each<[string, unknown]>([
    ['secret', { secret: KEY }],
    ['secret', { secret: 'hunter2' }],
    ['apiKey', { apiKey: 'hunter2' }],
    ['token', { broker: 'https://broker.internal', token: 'hunter2' }],
    ['solver.key', { solver: { name: 'captchaai', key: KEY } }],
    ['policy.origins[0]', { policy: { origins: [KEY] } }],
    ['profiles.production.secret', { profiles: { production: { secret: KEY } } }],
  ])('with a key in %s is refused, and the key is not in the message', (path, value) => {
    expect(() => resolveFile(value)).toThrow(`${path} (solveguard.config.json): is a key`)
    expect(() => resolveFile(value)).not.toThrow(/hunter2|0123456789/)
  })

  it('that a JSON file tries to put a prototype into has none of its fields', () => {
    const value = JSON.parse(
      '{ "__proto__": { "name": "x" }, "policy": { "__proto__": { "origins": ["https://e.com"] } } }',
    )
    expect(() => resolveFile(value)).toThrow(/__proto__/)
    expect(({} as { name?: string }).name).toBeUndefined()
  })

  it('without origins allows nothing, and says where to write them', () => {
    expect(() => checkPolicy(resolveFile({ policy: { budget: { perDay: '$5' } } }))).toThrow(/SOLVEGUARD_ORIGINS/)
  })

  it('has paths from the folder of the file', () => {
    const layers = fileLayers({ stateDir: 'state', secret: { file: 'key' } }, 'f', '/project', 'ci')
    expect(resolveConfig(layers).config).toEqual({ stateDir: '/project/state', secret: { file: '/project/key' } })
  })
})

describe('profiles', () => {
  it.each<[string | undefined, Record<string, string>, string, string]>([
    [undefined, {}, 'development', 'default'],
    [undefined, { NODE_ENV: 'production' }, 'production', 'NODE_ENV'],
    [undefined, { NODE_ENV: 'production', CI: 'true' }, 'ci', 'CI'],
    [undefined, { CI: 'true', SOLVEGUARD_PROFILE: 'production' }, 'production', 'SOLVEGUARD_PROFILE'],
    ['development', { CI: 'true', SOLVEGUARD_PROFILE: 'production' }, 'development', '--profile'],
  ])('%s with %j is %s, by %s', (option, env, name, source) => {
    expect(selectProfile(env, option)).toEqual({ name, source })
  })

  it('that there are not are refused', () => {
    expect(() => selectProfile({ SOLVEGUARD_PROFILE: 'staging' })).toThrow(/SOLVEGUARD_PROFILE: expected one of/)
  })
})

describe('the values that are shown', () => {
  it('have sources and defaults, and nothing secret', () => {
    const env = { SOLVEGUARD_PROXY: 'http://user:hunter2@203.0.113.9:3128', SOLVEGUARD_TOKEN: 'hunter2' }
    const config: SolveguardConfig = { policy: { origins, budget: { perDay: usd(5) } }, secret: { file: '/run/key' } }
    const resolved = resolveConfig([
      { source: 'environment', config: environmentConfig(env), folder: FOLDER },
      ...fromFile(config),
    ])
    const values = configValues(resolved, '/state', env)
    expect(JSON.stringify(values)).not.toContain('hunter2')
    const byPath = Object.fromEntries(values.map(({ path, value, source }) => [path, [value, source]]))
    expect(byPath).toMatchObject({
      name: ['default', 'default'],
      secret: [{ file: '/run/key' }, 'solveguard.config.json'],
      token: ['[set]', 'SOLVEGUARD_TOKEN'],
      'policy.budget.perDay': ['$5.00', 'solveguard.config.json'],
      'policy.attempts': [1, 'default'],
    })
  })
})
