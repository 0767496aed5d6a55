import { describe, expect, it } from 'vitest'
import { narrowToken } from '../../src/tokens/index.js'
import { SERVICE_NAMES, SERVICES, type ServiceName } from '../../src/wires/services.js'
import { brokerRig, PAGE, SITEKEY, untilDone } from './support.js'

const TASK = { type: 'RecaptchaV2TaskProxyless', websiteURL: PAGE, websiteKey: SITEKEY }
const CAPSOLVER_TASK = { ...TASK, type: 'ReCaptchaV2TaskProxyLess' }
const FORM = { method: 'userrecaptcha', googlekey: SITEKEY, pageurl: PAGE }

type Fields = readonly [created: readonly string[], solved: readonly string[]]

const USUAL: Fields = [
  ['errorId', 'taskId'],
  ['errorId', 'status', 'solution'],
]
const WITH_COST: Fields = [
  ['errorId', 'taskId'],
  ['errorId', 'status', 'solution', 'cost', 'ip', 'createTime', 'endTime', 'solveCount'],
]

/** The fields of the replies to a submit and to the poll that has the answer, where a service has others than most. */
const FIELDS: { readonly [service in ServiceName]?: Fields } = {
  twocaptcha: WITH_COST,
  anticaptcha: WITH_COST,
  capsolver: [
    ['errorId', 'taskId', 'status'],
    ['errorId', 'status', 'solution'],
  ],
}

/** The services with the task wire. */
const OF_TASKS = SERVICE_NAMES.filter((name) => 'tasks' in SERVICES[name])

describe("a token's own dialect", () => {
  it.each(OF_TASKS)('%s is spoken where the request names no service', async (wire) => {
    const [created, solved] = FIELDS[wire] ?? USUAL
    const { guard, json } = await brokerRig({ byTokens: true, as: wire === 'capsolver' ? 'twocaptcha' : 'capsolver' })
    const { token, handle = '' } = await guard.issueToken({}, { wire, handle: true })
    for (const credential of [token, handle, await narrowToken(token, {}), await narrowToken(token, {}, { wire })]) {
      // The marks are those of another service.
      const task = wire === 'capsolver' ? TASK : CAPSOLVER_TASK
      const submitted = await json('/createTask', { task }, { token: credential })
      expect(Object.keys(submitted)).toEqual(created)
      expect(typeof submitted.taskId).toBe(wire === 'capsolver' ? 'string' : 'number')
      const poll = () => json('/getTaskResult', { taskId: submitted.taskId }, { token: credential })
      expect(Object.keys(await untilDone(poll, ({ status }) => status === 'processing'))).toEqual(solved)
    }
  })

  it('captchaai is spoken in its form wire, and its errors in its words', async () => {
    const { guard, form } = await brokerRig({
      byTokens: true,
      policy: { budget: { concurrent: 1 } },
      serviceOptions: { solveMs: 600_000 },
    })
    const { token } = await guard.issueToken({}, { wire: 'captchaai' })
    const plain = await guard.issueToken({})
    expect(JSON.parse(await form('/in.php', { ...FORM, json: '1' }, { token })).status).toBe(1)
    expect(await form('/in.php', FORM, { token })).toBe('ERROR_ZERO_BALANCE')
    expect(await form('/in.php', FORM, { token: plain.token })).toBe('ERROR_NO_SLOT_AVAILABLE')
  })

  it('is overridden by the host name and by the first part of the path', async () => {
    const { guard, json } = await brokerRig({ byTokens: true })
    const { token } = await guard.issueToken({}, { wire: 'capsolver' })
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await json(path, { task: TASK }, { token, headers })).status
    expect(await status('/createTask')).toBe('idle')
    expect(await status('/anticaptcha/createTask')).toBeUndefined()
    expect(await status('/createTask', { host: 'api.anti-captcha.com' })).toBeUndefined()
  })

  it('can be stated by a link where none is stated before it', async () => {
    const { guard, json } = await brokerRig({ byTokens: true })
    const { token } = await guard.issueToken({})
    const narrower = await narrowToken(token, {}, { wire: 'capsolver' })
    expect((await json('/createTask', { task: TASK }, { token: narrower })).status).toBe('idle')
    expect((await json('/createTask', { task: TASK }, { token })).status).toBeUndefined()
  })
})
