import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Secret } from '../../src/secrets/secret.js'
import {
  type Behavior,
  manualClock,
  type ServiceOptions,
  type ServiceTask,
  type SolverService,
  startSolverService,
} from '../../src/testing/index.js'

const KEY = 'a-key-for-tests-0123'
const SUBMIT = { method: 'userrecaptcha', googlekey: '6Lc', pageurl: 'https://a.example/' }

let service: SolverService
const start = async (options: ServiceOptions = {}) => {
  await service?.close()
  service = await startSolverService({ keys: { [KEY]: 1 }, ...options })
  return service
}
beforeEach(() => start())
afterEach(() => service.close())

const post = (path: string, fields: Record<string, string>) =>
  fetch(service.url + path, { method: 'POST', body: new URLSearchParams({ key: KEY, ...fields }), redirect: 'manual' })
const postText = async (path: string, fields: Record<string, string>) => (await post(path, fields)).text()
const submit = async (more: Record<string, string> = {}) =>
  (await postText('/in.php', { ...SUBMIT, ...more })).replace('OK|', '')
const poll = (id: string, more: Record<string, string> = {}) => postText('/res.php', { action: 'get', id, ...more })

describe('the stand-in service', () => {
  test('accepts a task and answers it, in plain text', async () => {
    const id = await submit()
    expect(id).toMatch(/^\d+$/)
    expect(await poll(id)).toMatch(/^OK\|03AF[\w-]{400,}$/)
    expect(await poll(id, { action: 'get2' })).toMatch(/^OK\|03AF[\w-]+\|0\.001000$/)
    expect(await postText('/res.php', { action: 'getbalance' })).toBe('0.999')
    expect(await postText('/res.php', { action: 'reportgood', id })).toBe('OK_REPORT_RECORDED')
  })

  test('accepts a task and answers it, in JSON', async () => {
    const { status, request: id } = JSON.parse(await postText('/in.php', { ...SUBMIT, json: '1' }))
    expect(status).toBe(1)
    const answer = JSON.parse(await poll(id, { json: '1' }))
    expect(answer).toEqual({ status: 1, request: expect.stringMatching(/^03AF/) })
    expect(JSON.parse(await poll(id, { json: '1', action: 'get2' }))).toEqual({ ...answer, price: '0.001000' })
    expect(JSON.parse(await poll('1', { json: '1' }))).toEqual({ status: 0, request: 'ERROR_WRONG_CAPTCHA_ID' })
    expect(JSON.parse(await postText('/res.php', { action: 'getbalance', json: '1' }))).toEqual({
      status: 1,
      request: '0.999',
    })
  })

  test('answers several tasks in one reply, in order', async () => {
    const ids = [await submit(), await submit()]
    const [first, second, third] = (await postText('/res.php', { action: 'get', ids: [...ids, '1'].join() })).split('|')
    expect([first, second, third]).toEqual([
      (await poll(ids[0] ?? '')).slice(3),
      (await poll(ids[1] ?? '')).slice(3),
      'ERROR_WRONG_CAPTCHA_ID',
    ])
  })

  test('solves a task after solveMs, and charges then', async () => {
    const clock = manualClock()
    await start({ solveMs: 20_000, clock })
    const id = await submit()
    await clock.advance(19_999)
    expect(await poll(id)).toBe('CAPCHA_NOT_READY')
    expect([service.charged, service.working]).toEqual([0, 1])
    await clock.advance(1)
    // Charged although no client has polled.
    expect([service.charged, service.working, service.balance()]).toEqual([1_000, 0, 999_000])
    expect(await poll(id)).toMatch(/^OK\|/)
    expect(service.charged).toBe(1_000)
  })

  test('replies with fullError when all threads are busy', async () => {
    for (const fullError of ['ERROR_NO_SLOT_AVAILABLE', 'ERROR_ZERO_BALANCE'] as const) {
      await start({ solveMs: 3_600_000, threads: 2, fullError })
      const ids = [await submit(), await submit()]
      expect(ids.every((id) => /^\d+$/.test(id))).toBe(true)
      expect(await submit()).toBe(fullError)
      expect([service.working, service.tasks.length]).toEqual([2, 2])
    }
  })

  test('rejects a task that the balance does not cover', async () => {
    await start({ keys: { [KEY]: 0.0025 }, solveMs: 0 })
    expect((await Promise.all([submit(), submit()])).every((id) => /^\d+$/.test(id))).toBe(true)
    expect(await submit()).toBe('ERROR_ZERO_BALANCE')
    expect([service.charged, service.balance()]).toEqual([2_000, 500])
  })

  test('a key sees neither tasks nor balance of another key', async () => {
    service.addKey('another-key-4567', 5)
    const id = await submit()
    expect(await poll(id, { key: 'another-key-4567' })).toBe('ERROR_WRONG_CAPTCHA_ID')
    expect([service.balance(), service.balance('another-key-4567')]).toEqual([999_000, 5_000_000])
  })

  test('rejects unknown, empty and revoked keys', async () => {
    expect(await submit({ key: 'unknown-key-0000' })).toBe('ERROR_KEY_DOES_NOT_EXIST')
    expect(await submit({ key: '' })).toBe('ERROR_WRONG_USER_KEY')
    const id = await submit()
    service.revoke(KEY)
    expect(await poll(id)).toBe('ERROR_KEY_DOES_NOT_EXIST')
    expect(service.requests.map(({ keyOk }) => keyOk)).toEqual([false, false, true, false])
  })

  test.each([
    [{ method: 'nonsense' }, 'ERROR_BAD_PARAMETERS'],
    [{ googlekey: '' }, 'ERROR_GOOGLEKEY'],
    [{ pageurl: '' }, 'ERROR_PAGEURL'],
    [{ pageurl: 'nowhere' }, 'ERROR_PAGEURL'],
  ])('rejects a task with %j', async (more, error) => {
    expect(await submit(more)).toBe(error)
    expect(service.tasks).toEqual([])
  })

  test('rejects malformed and unknown ids', async () => {
    expect(await poll('../x')).toBe('ERROR_WRONG_ID_FORMAT')
    expect(await poll('123')).toBe('ERROR_WRONG_CAPTCHA_ID')
    expect(await postText('/res.php', { action: 'reportbad', id: '123' })).toBe('ERROR_WRONG_CAPTCHA_ID')
  })

  test('records requests and tasks, with the fingerprint in place of the key', async () => {
    const id = await submit({ 'data-s': 'x' })
    await poll(id)
    await postText('/res.php', { action: 'reportbad', id })
    const fingerprint = new Secret(KEY).fingerprint
    expect(service.requests).toMatchObject([
      {
        method: 'POST',
        path: '/in.php',
        endpoint: 'in',
        keyOk: true,
        fields: { ...SUBMIT, 'data-s': 'x', key: fingerprint },
      },
      {
        method: 'POST',
        path: '/res.php',
        endpoint: 'res',
        keyOk: true,
        fields: { action: 'get', id, key: fingerprint },
      },
      { endpoint: 'report', fields: { action: 'reportbad', id, key: fingerprint } },
    ])
    expect(service.tasks).toMatchObject([
      { id, key: fingerprint, state: 'ready', charged: 1_000, polls: 1, report: 'bad' },
    ])
    expect(JSON.stringify([service.requests, service.tasks])).not.toContain(KEY)
  })

  test('accepts a key in a URL, as real services do, and counts it', async () => {
    const url = `${service.url}/res.php?key=${KEY}&action=getbalance`
    expect(await (await fetch(url)).text()).toBe('1')
    expect(service.keysInUrls).toBe(1)
    await submit()
    expect(service.keysInUrls).toBe(1)
    expect(service.requests[0]).toMatchObject({ method: 'GET', path: '/res.php', keyInUrl: true })
  })

  test('gives the answers of its option, and reports each once to onAnswer', async () => {
    const reported: [ServiceTask, string][] = []
    await start({ answer: (task) => `answer-${task.fields.googlekey}`, onAnswer: (...answer) => reported.push(answer) })
    const id = await submit()
    expect(reported).toEqual([])
    for (let i = 0; i < 2; i++) expect(await poll(id)).toBe('OK|answer-6Lc')
    expect(reported).toMatchObject([[{ id }, 'answer-6Lc']])
  })

  test('replies 404 to unknown paths', async () => {
    expect((await post('/elsewhere', {})).status).toBe(404)
  })

  test('closes all connections and its port', async () => {
    service.always('in', { hang: true })
    const hanging = submit().catch(() => 'cut')
    while (service.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await service.close()
    expect(await hanging).toBe('cut')
    await expect(fetch(service.url)).rejects.toThrow()
    await service.close()
  })
})

describe('the stand-in service on demand', () => {
  const cut = async (behavior: Behavior) => {
    service.next('in', behavior)
    return submit().then(
      () => 'answered',
      () => 'cut',
    )
  }

  test.each<[Behavior, string, number]>([
    [{ drop: true }, 'cut', 1],
    [{ dropBefore: true }, 'cut', 0],
    [{ half: true }, 'cut', 1],
    [{ drop: true, taken: false }, 'cut', 0],
    [{ empty: true }, 'answered', 0],
    [{ empty: true, taken: true }, 'answered', 1],
    [{ status: 502, taken: true }, 'answered', 1],
  ])('%j: the client is %s, with %i task created', async (behavior, outcome, tasks) => {
    expect(await cut(behavior)).toBe(outcome)
    expect([service.tasks.length, service.charged]).toEqual([tasks, tasks * 1_000])
    expect(await submit()).toMatch(/^\d+$/)
  })

  test('replies with an error in the requested form, and creates no task', async () => {
    service.next('in', { error: 'ERROR_PAGEURL' }, { error: 'ERROR_PAGEURL' })
    expect(await submit()).toBe('ERROR_PAGEURL')
    expect(await submit({ json: '1' })).toBe('{"status":0,"request":"ERROR_PAGEURL"}')
    expect(service.tasks).toEqual([])
  })

  test('fails a task, which frees its thread and is not charged', async () => {
    await start({ solveMs: 3_600_000 })
    const ids = [await submit(), await submit()]
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' }, { error: 'ERROR_SERVER_ERROR' })
    for (const id of ids) await poll(id)
    expect(service.tasks.map(({ state }) => state)).toEqual(['failed', 'working'])
    expect(await poll(ids[0] ?? '')).toBe('ERROR_CAPTCHA_UNSOLVABLE')
    expect([service.working, service.charged]).toEqual([1, 0])
  })

  test('refunds a solved task that fails later', async () => {
    const id = await submit()
    expect(service.charged).toBe(1_000)
    service.next('res', { error: 'ERROR_CAPTCHA_UNSOLVABLE' })
    await poll(id)
    expect([service.charged, service.balance()]).toEqual([0, 1_000_000])
  })

  test('replies with pages, redirects, and any status and text', async () => {
    service.next(
      'res',
      { html: true },
      { redirect: '/x' },
      { status: 503 },
      { body: 'text' },
      { status: 418, body: 'tea' },
    )
    expect(await poll('1')).toMatch(/^<!DOCTYPE html>/)
    const redirect = await post('/res.php', { action: 'get' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/x'])
    expect((await post('/res.php', { action: 'get' })).status).toBe(503)
    expect(await poll('1')).toBe('text')
    const tea = await post('/res.php', { action: 'get' })
    expect([tea.status, await tea.text()]).toEqual([418, 'tea'])
  })

  test('sends a reply of the given size', async () => {
    service.next('balance', { bytes: 5_000_001 })
    expect(await postText('/res.php', { action: 'getbalance' })).toHaveLength(5_000_001)
  })

  test('is not ready for pendingTimes polls', async () => {
    service.next('in', { pendingTimes: 2 })
    const id = await submit()
    expect([await poll(id), await poll(id)]).toEqual(['CAPCHA_NOT_READY', 'CAPCHA_NOT_READY'])
    expect(await poll(id)).toMatch(/^OK\|/)
  })

  test('waits delayMs before its reply', async () => {
    const clock = manualClock()
    await start({ clock })
    service.next('in', { delayMs: 5_000 })
    const submitted = submit()
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(5_000)
    expect(await submitted).toMatch(/^\d+$/)
  })

  test('a behavior of always lasts until it is removed; those of next come first', async () => {
    service.always('balance', { error: 'ERROR_SERVER_ERROR' })
    service.next('balance', { error: 'IP_BANNED' })
    const balance = () => postText('/res.php', { action: 'getbalance' })
    expect([await balance(), await balance(), await balance()]).toEqual([
      'IP_BANNED',
      'ERROR_SERVER_ERROR',
      'ERROR_SERVER_ERROR',
    ])
    service.always('balance', undefined)
    expect(await balance()).toBe('1')
  })
})

test('two services share neither port, key nor balance', async () => {
  const other = await startSolverService()
  expect(other.url).not.toBe(service.url)
  expect(other.key).toMatch(/^[0-9a-f]{32}$/)
  expect(other.balance()).toBe(1_000_000_000)
  await other.close()
})
