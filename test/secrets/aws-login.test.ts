import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { awsSecret } from '../../src/secrets/index.js'
import { makeCertificate } from '../support/certificate.js'
import { listen } from '../support/loopback.js'

const START = 'https://tests.awsapps.com/start'
const ACCOUNT = 'sso_account_id = 123456789012\nsso_role_name = tests\n'
const ONE_DAY_MS = 86_400_000

/** The name under which AWS's tools keep a token of SSO. */
const cached = (name: string) => `${createHash('sha1').update(name).digest('hex')}.json`

test.each(['sso', 'sso-session', 'container'])(
  'a login by %s sends nothing to a server that no authority has signed, whatever NODE_TLS_REJECT_UNAUTHORIZED says',
  async (by) => {
    const recorded: string[] = []
    const server = createServer(await makeCertificate(), (request, response) => {
      recorded.push(request.url ?? '')
      response.end('{}')
    })
    const address = `https://127.0.0.1:${await listen(server)}`
    const home = mkdtempSync(join(tmpdir(), 'solveguard-aws-'))
    try {
      const cache = join(home, '.aws', 'sso', 'cache')
      mkdirSync(cache, { recursive: true })
      const inADay = new Date(Date.now() + ONE_DAY_MS).toISOString()
      writeFileSync(join(cache, cached(START)), JSON.stringify({ accessToken: 'a-token', expiresAt: inADay }))
      // A token that has to be renewed first.
      const renewable = { refreshToken: 'another', clientId: 'tests', clientSecret: 'a-secret' }
      const expiresAt = new Date(Date.now() - ONE_DAY_MS).toISOString()
      const expired = { accessToken: 'a-token', ...renewable, expiresAt, registrationExpiresAt: inADay }
      writeFileSync(join(cache, cached('tests')), JSON.stringify(expired))
      const place = `sso_start_url = ${START}\nsso_region = eu-central-1\n`
      const profiles: Readonly<Record<string, string>> = {
        sso: `[profile tests]\n${place}${ACCOUNT}`,
        'sso-session': `[sso-session tests]\n${place}[profile tests]\nsso_session = tests\n${ACCOUNT}`,
      }
      writeFileSync(join(home, 'config'), profiles[by] ?? '')
      const env: Readonly<Record<string, string | undefined>> = {
        HOME: home,
        AWS_CONFIG_FILE: join(home, 'config'),
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_ACCESS_KEY_ID: undefined,
        AWS_PROFILE: by in profiles ? 'tests' : undefined,
        AWS_ENDPOINT_URL_SSO: address,
        AWS_ENDPOINT_URL_SSO_OIDC: address,
        AWS_CONTAINER_CREDENTIALS_FULL_URI: by === 'container' ? `${address}/credentials` : undefined,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: by === 'container' ? 'a-token' : undefined,
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
      }
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
      const secret = awsSecret('tests', { region: 'eu-central-1', endpoint: 'http://127.0.0.1:9' })
      await expect(secret.fetch(AbortSignal.timeout(60_000))).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' })
      expect(recorded).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      server.close()
      rmSync(home, { recursive: true })
    }
  },
)
