import { describe, expect, it } from 'vitest'
import { bundleWith, childEnvironment, namesProxy } from '../../../src/cli/run/environment.js'

const KEY = '3f6c1a9d7e2b4c8f0a5d6e7f8091a2b3'
const BROKER = {
  url: 'https://127.0.0.1:41234',
  token: 'eyJ.a.b',
  caFile: '/tmp/ca.pem',
  bundleFile: '/tmp/bundle.pem',
  proxyUrl: 'http://127.0.0.1:41234',
  registerFile: '/opt/some "where"/register.js',
}
const NOTHING = { kinds: [], hasKey: () => false, keep: [] }

describe('the environment of a command that has no key', () => {
  it('has no key and nothing that gives one, whatever it is called, and keeps all else', () => {
    const env = {
      PATH: '/usr/bin',
      HOME: '/root',
      SOLVEGUARD_KEY: KEY,
      SOLVEGUARD_ADMIN_TOKEN: 'admin-token-of-the-broker',
      SOLVEGUARD_STATE_DIR: '/var/lib/solveguard',
      VAULT_TOKEN: 'hvs.CAESIJ-token-of-vault',
      VAULT_ADDR: 'https://vault.internal:8200',
      BAO_TOKEN: 's.token-of-openbao',
      OP_SERVICE_ACCOUNT_TOKEN: 'ops_token',
      DOTENV_KEY: 'dotenv://:key_1234@dotenv.org/vault/.env.vault',
      CREDENTIALS_DIRECTORY: '/run/credentials/solveguard',
      // The same key once more, by itself and inside of something.
      TWOCAPTCHA_API_KEY: KEY,
      APP_CONFIG: `{"captcha":{"key":"${KEY}"}}`,
      AWS_SECRET_ACCESS_KEY: 'of-the-application',
      DATABASE_URL: 'postgres://app:password@db/app',
    }
    const child = childEnvironment(env, BROKER, [], NOTHING)
    expect(JSON.stringify(child)).not.toContain(KEY)
    expect(Object.keys(child).sort()).toEqual([
      'AWS_SECRET_ACCESS_KEY',
      'CURL_CA_BUNDLE',
      'DATABASE_URL',
      'HOME',
      'NODE_EXTRA_CA_CERTS',
      'PATH',
      'REQUESTS_CA_BUNDLE',
      'SOLVEGUARD_BROKER',
      'SOLVEGUARD_BROKER_CA',
      'SOLVEGUARD_TOKEN',
      'SSL_CERT_FILE',
    ])
  })

  it('has no credentials of AWS where the key is there, and keeps what it is asked to keep', () => {
    const env = { AWS_SECRET_ACCESS_KEY: 'a-key-of-aws', AWS_REGION: 'eu-central-1', VAULT_TOKEN: 'hvs.token' }
    const child = childEnvironment(env, BROKER, [], { ...NOTHING, kinds: ['aws'], keep: ['VAULT_TOKEN'] })
    expect(child).toMatchObject({ AWS_REGION: 'eu-central-1', VAULT_TOKEN: 'hvs.token' })
    expect(child).not.toHaveProperty('AWS_SECRET_ACCESS_KEY')
  })

  it('has no variable with a key that the guard has from elsewhere', () => {
    const env = { LEFT_OVER: `key=${KEY}`, PATH: '/bin' }
    const child = childEnvironment(env, BROKER, [], { ...NOTHING, hasKey: (text) => text.includes(KEY) })
    expect(child).not.toHaveProperty('LEFT_OVER')
    expect(child).toHaveProperty('PATH')
  })

  it('leads Node by its options, which are kept, and other programs by the proxy', () => {
    const env = { NODE_OPTIONS: '--max-old-space-size=512' }
    const both = childEnvironment(env, BROKER, ['register', 'proxy'], NOTHING)
    expect(both).toMatchObject({
      NODE_OPTIONS: '--max-old-space-size=512 --require="/opt/some \\"where\\"/register.js"',
      HTTPS_PROXY: 'http://t:eyJ.a.b@127.0.0.1:41234',
      https_proxy: 'http://t:eyJ.a.b@127.0.0.1:41234',
      SOLVEGUARD_BROKER: BROKER.url,
      SOLVEGUARD_TOKEN: BROKER.token,
      NODE_EXTRA_CA_CERTS: BROKER.bundleFile,
      SSL_CERT_FILE: BROKER.bundleFile,
    })
    expect(childEnvironment(env, BROKER, ['proxy'], NOTHING).NODE_OPTIONS).toBe('--max-old-space-size=512')
    expect(childEnvironment(env, BROKER, ['register'], NOTHING)).not.toHaveProperty('HTTPS_PROXY')
  })

  it('calls no service past the proxy, whatever the exceptions to a proxy are', () => {
    const exceptions = 'localhost, 127.0.0.1 .internal,example.com:8080,2captcha.com,.capsolver.com,*.com,cloud,.,*'
    const child = childEnvironment({ NO_PROXY: exceptions, no_proxy: '*' }, BROKER, ['proxy'], NOTHING)
    expect(child).toMatchObject({ NO_PROXY: 'localhost,127.0.0.1,.internal,example.com:8080', no_proxy: '' })
    expect(childEnvironment({ NO_PROXY: exceptions }, BROKER, ['register'], NOTHING).NO_PROXY).toBe(exceptions)
  })

  it.each(['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'])('keeps the proxy that %s names', (name) => {
    expect(namesProxy({ [name]: 'http://egress.internal:3128' })).toBe(true)
    expect(namesProxy({ [name]: '', HTTP_PROXY: 'http://egress.internal:3128' })).toBe(false)
  })

  it('trusts what it trusted before, and the broker', () => {
    const bundle = bundleWith('-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n', {})
    expect(bundle.match(/-----BEGIN CERTIFICATE-----/g)?.length).toBeGreaterThan(50)
    expect(bundle).toMatch(/ours\n-----END CERTIFICATE-----\n$/)
  })
})
