import { describe, expect, it } from 'vitest'
import { ADMIN_PATHS } from '../../src/broker/admin.js'
import { startBroker } from '../../src/broker/server.js'
import { usd } from '../../src/policy/money.js'
import { describeToken, narrowToken } from '../../src/tokens/index.js'
import { BROKER_PATHS } from '../../src/wires/broker.js'
import { after, rig } from '../guard/support.js'
import { leaks } from '../support/key-leaks.js'
import { PAGE, SITEKEY } from './support.js'

const ADMIN = '5f2c9a71e0b84d36a7c1f08e92d4b65b'

async function withAdmin() {
  const made = await rig()
  const broker = await startBroker({ guard: made.guard, admin: { token: ADMIN } })
  after(() => broker.close())
  const call = async (url: string, token: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const reply = await fetch(url, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers })
    const text = await reply.text()
    return { status: reply.status, reply: text.startsWith('{') ? JSON.parse(text) : text }
  }
  const submit = async (key: string): Promise<string> => {
    const body = new URLSearchParams({ key, method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE })
    return (await fetch(`${broker.url}/in.php`, { method: 'POST', body })).text()
  }
  return { ...made, broker, call, submit, admin: broker.adminUrl ?? '' }
}

describe('the admin listener', () => {
  it('is not there unless it is asked for, and the other one has none of its addresses', async () => {
    const { broker, call } = await withAdmin()
    expect((await call(`${broker.url}/v1/pause`, ADMIN, {})).status).toBe(404)
    const { guard } = await rig()
    const plain = await startBroker({ guard })
    after(() => plain.close())
    expect(plain.adminUrl).toBeUndefined()
  })

  it('does not start with a token that can be guessed, nor on a public address', async () => {
    const { guard } = await rig()
    const guessable = [
      '',
      'admin',
      'a'.repeat(64),
      'changeme'.repeat(8),
      'abcdefghijklmnopqrstuvwxyz0123456789',
      ADMIN.slice(1),
    ]
    for (const token of guessable) {
      await expect(startBroker({ guard, admin: { token } })).rejects.toMatchObject({ code: 'BROKER_UNSAFE' })
    }
    const open = startBroker({ guard, admin: { token: ADMIN, host: '0.0.0.0' } })
    await expect(open).rejects.toMatchObject({ code: 'BROKER_UNSAFE' })
  })

  it('issues, revokes, pauses and resumes, for its own token only', async () => {
    const { admin, call, submit, service } = await withAdmin()
    for (const wrong of ['x', `${ADMIN}0`, ADMIN.toUpperCase()]) {
      expect((await call(`${admin}/v1/tokens`, wrong, {})).status).toBe(401)
    }
    const asked = { policy: { budget: { perDay: usd(0.01) } }, ttl: '5m', subject: 'ci-1', handle: true }
    const { reply: issued } = await call(`${admin}/v1/tokens`, ADMIN, asked)
    expect(issued).toMatchObject({ handle: expect.stringMatching(/^[0-9a-f]{32}$/), id: expect.any(String) })
    expect(await submit(issued.handle)).toMatch(/^OK/)
    await call(`${admin}/v1/pause`, ADMIN, { reason: 'It loops.', subject: 'ci-1' })
    expect(await submit(issued.token)).toBe('ERROR_ACCOUNT_SUSPENDED')
    await call(`${admin}/v1/resume`, ADMIN, { subject: 'ci-1' })
    expect(await submit(issued.token)).toMatch(/^OK/)
    expect((await call(`${admin}/v1/tokens/revoke`, ADMIN, { id: issued.id })).reply).toEqual({ done: true })
    expect(await submit(issued.token)).toBe('ERROR_KEY_DOES_NOT_EXIST')
    const { reply } = await call(`${admin}/v1/status`, ADMIN)
    expect(JSON.stringify(reply)).not.toContain(service.key)
    const bad = await call(`${admin}/v1/tokens`, ADMIN, { policy: { budget: { perDay: -1 } } })
    expect(bad).toMatchObject({ status: 400, reply: { code: 'CONFIG_INVALID' } })
  })

  it('makes a handle for a token that there is, and none for one that is no good', async () => {
    const { admin, call, guard, submit } = await withAdmin()
    const { token, id } = await guard.issueToken({})
    const narrower = await narrowToken(token, { budget: { perDay: usd(0.001) } })
    const { reply } = await call(`${admin}/v1/tokens/handle`, ADMIN, { token: narrower })
    expect(reply).toEqual({
      handle: expect.stringMatching(/^[0-9a-f]{32}$/),
      id: describeToken(narrower).links[1]?.id,
      expiresAt: expect.any(String),
    })
    expect(await submit(reply.handle)).toMatch(/^OK/)
    expect(await submit(reply.handle)).toBe('ERROR_ZERO_BALANCE')
    await guard.revokeToken(id)
    for (const bad of [narrower, `${token}x`, 'x']) {
      const refused = await call(`${admin}/v1/tokens/handle`, ADMIN, { token: bad })
      expect(refused).toMatchObject({ status: 401, reply: { code: expect.stringMatching(/^TOKEN_/) } })
    }
  })
})

describe('a holder of a token', () => {
  it('narrows it at the broker too, where it has no code for that', async () => {
    const { guard, broker, call, submit } = await withAdmin()
    const { token } = await guard.issueToken({ budget: { perDay: usd(0.01) } })
    const { reply } = await call(`${broker.url}/v1/tokens/narrow`, token, {
      policy: { budget: { perDay: usd(0.001) } },
    })
    expect(
      describeToken(reply.token)
        .links.map(({ id }) => id)
        .at(-1),
    ).toBe(reply.id)
    expect(await submit(reply.token)).toMatch(/^OK/)
    expect(await submit(reply.token)).toBe('ERROR_ZERO_BALANCE')
    const wider = await call(`${broker.url}/v1/tokens/narrow`, token, { policy: { budget: { perDay: usd(5) } } })
    expect(wider).toMatchObject({ status: 401, reply: { code: 'TOKEN_WIDENED' } })
  })
})

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const

/** The routes that a description has, and those that are found at the paths that there are. */
async function routesOf(base: string, token: string, paths: readonly string[]) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const description = await (await fetch(`${base}/openapi.json`, { headers })).json()
  const described: string[] = []
  for (const [path, item] of Object.entries<Record<string, unknown>>(description.paths)) {
    described.push(...Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))
  }
  const found: string[] = []
  for (const path of new Set([...paths, ...Object.keys(description.paths)])) {
    for (const method of METHODS) {
      // Of another shape than any request: nothing is done.
      const body = method === 'GET' ? {} : { body: '[]' }
      const { status } = await fetch(base + path, { method, headers, ...body })
      if (status !== 404) found.push(`${method} ${path}`)
    }
  }
  return { description, described: described.sort(), found: found.sort() }
}

describe('the description of an interface', () => {
  it('has every route of the admin listener and no other, for the admin token alone, and nothing secret', async () => {
    const { admin, broker, call, guard, service } = await withAdmin()
    const { token } = await guard.issueToken({})
    for (const other of [token, 'x']) expect((await call(`${admin}/openapi.json`, other)).status).toBe(401)
    const { description, described, found } = await routesOf(admin, ADMIN, Object.values(ADMIN_PATHS))
    expect(described).toEqual(found)
    expect(described).toContain('POST /v1/tokens/handle')
    const text = JSON.stringify(description)
    for (const secret of [ADMIN, service.key, token]) expect(leaks(secret, text)).toEqual([])
    expect(text).not.toMatch(/"(?:examples?|default)":|[A-Za-z0-9_-]{32}/)
    expect(broker.adminUrl).toBe(admin)
  })

  it("has every route of the broker's own interface that needs a token, and no other", async () => {
    const { broker, guard, service } = await withAdmin()
    const { token } = await guard.issueToken({})
    const { description, described, found } = await routesOf(broker.url, token, Object.values(BROKER_PATHS))
    const ofVersion1 = (names: readonly string[]) => names.filter((name) => name.includes(' /v1/'))
    expect(ofVersion1(described)).toEqual(ofVersion1(found))
    const text = JSON.stringify(description)
    for (const secret of [ADMIN, service.key, token]) expect(leaks(secret, text)).toEqual([])
    expect(text).not.toMatch(/"(?:examples?|default)":/)
  })
})
