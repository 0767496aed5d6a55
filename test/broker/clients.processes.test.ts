import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CapMonsterCloudClientFactory, ClientOptions, RecaptchaV2Request } from '@zennolab_com/capmonstercloud-client'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensurePythonClients, PYTHON_CLIENTS } from '../../scripts/python-clients.mjs'
import { startBroker } from '../../src/broker/index.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { startSolverService } from '../../src/testing/service/index.js'
import { drawDigits } from '../../src/testing/shared/picture.js'
import { after, type Rig, rig } from '../guard/support.js'
import { PAGE, SITEKEY } from './support.js'

const run = promisify(execFile)
const PNG = drawDigits('4711')

interface ClientsRig extends Rig {
  readonly url: string
  /** 32 characters, as captchaai needs them. */
  readonly handle: string
}

/** A broker, and a handle for a token of its guard. */
async function brokerForClients(): Promise<ClientsRig> {
  const service = await startSolverService({
    answer: ({ family }) => (family === 'image' ? '4711' : '03AF-the-answer'),
  })
  after(() => service.close())
  const solver = twoCaptcha({
    baseUrl: service.url,
    polling: { firstPollMs: 0, everyMs: 5 },
    pricing: { per: 'solve', usd: 0.001 },
  })
  const made = await rig({ service, guardOptions: { solver } })
  const broker = await startBroker({ guard: made.guard })
  after(() => broker.close())
  const { handle = '' } = await made.guard.issueToken({}, { ttl: '1h', handle: true })
  return { ...made, url: broker.url, handle }
}

function pictureFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'clients-'))
  after(async () => rmSync(folder, { recursive: true }))
  const picture = join(folder, 'picture.png')
  writeFileSync(picture, PNG)
  return picture
}

/** Runs a Python client, unchanged, and resolves with what it printed. */
async function python(script: string, handle: string, url: string): Promise<Record<string, unknown>> {
  const picture = pictureFile()
  const file = join(import.meta.dirname, 'clients', script)
  const env = { ...process.env, PYTHONPATH: PYTHON_CLIENTS, PYTHONDONTWRITEBYTECODE: '1' }
  const { stdout } = await run('python3', [file, url, handle, PAGE, SITEKEY, picture], { env })
  return JSON.parse(stdout)
}

describe('published clients, unchanged, with the broker in place of their service', () => {
  beforeAll(() => ensurePythonClients())

  it('from PyPI: captchaai, capmonstercloudclient, capsolver, python-anticaptcha', async () => {
    const { url, handle, service } = await brokerForClients()
    const [captchaai, capmonster, capsolver, anticaptcha] = await Promise.all([
      python('captchaai_client.py', handle, `${url}/captchaai`),
      python('capmonster_client.py', handle, url),
      python('capsolver_client.py', handle, `${url}/capsolver`),
      python('anticaptcha_client.py', handle, url),
    ])
    expect(captchaai).toEqual({
      threads: { threads: 100, working_threads: 0 },
      text: '4711',
      token: '03AF-the-answer',
      denied: 'ValidationError',
      refused: 'InvalidKeyError',
    })
    expect(capmonster).toEqual({
      balance: expect.any(Number),
      token: '03AF-the-answer',
      denied: expect.stringMatching(
        /^\[ERROR_DOMAIN_NOT_ALLOWED\] The page's origin https:\/\/elsewhere\.example is not/,
      ),
      refused: expect.stringMatching(/^\[ERROR_KEY_DOES_NOT_EXIST\]/),
    })
    expect(capsolver).toEqual({
      balance: expect.any(Number),
      token: '03AF-the-answer',
      denied: expect.stringContaining('https://elsewhere.example is not named'),
      refused: expect.stringContaining('no token for this handle'),
    })
    expect(anticaptcha).toEqual({
      balance: expect.any(Number),
      token: '03AF-the-answer',
      reported: true,
      text: '4711',
      denied: 'ERROR_PAGEURL',
      refused: 'ERROR_KEY_DOES_NOT_EXIST',
    })
    expect(service.keysInUrls).toBe(0)
    expect(service.tasks).toHaveLength(6)
    await expect.poll(() => service.tasks.filter(({ report }) => report === 'bad')).toHaveLength(1)
  })

  it('@zennolab_com/capmonstercloud-client, from npm', async () => {
    const { url, handle } = await brokerForClients()
    const clientOf = (clientKey: string) =>
      CapMonsterCloudClientFactory.Create(new ClientOptions({ clientKey, serviceUrl: url }))
    const client = clientOf(handle)
    expect(await client.getBalance()).toMatchObject({ balance: 1 })
    const request = (websiteURL: string) => new RecaptchaV2Request({ websiteURL, websiteKey: SITEKEY })
    const { solution, error } = await client.Solve(request(PAGE))
    expect({ solution, error }).toEqual({ solution: { gRecaptchaResponse: '03AF-the-answer' }, error: undefined })
    expect((await client.Solve(request('https://elsewhere.example/'))).error).toBe('DOMAIN_NOT_ALLOWED')
    expect((await clientOf('f'.repeat(32)).Solve(request(PAGE))).error).toBe('KEY_DOES_NOT_EXIST')
  })

  it('curl, with the token in the URL, in a form and as a file', async () => {
    const { url, handle } = await brokerForClients()
    const curl = async (...args: string[]) => (await run('curl', ['-sS', ...args])).stdout
    const picture = pictureFile()
    const ids = [
      await curl(`${url}/in.php?key=${handle}&method=userrecaptcha&googlekey=${SITEKEY}&pageurl=${PAGE}`),
      await curl('-d', `key=${handle}&method=userrecaptcha&googlekey=${SITEKEY}&pageurl=${PAGE}`, `${url}/in.php`),
      await curl('-F', `key=${handle}`, '-F', 'method=post', '-F', `file=@${picture}`, `${url}/in.php`),
    ]
    for (const [index, reply] of ids.entries()) {
      expect(reply).toMatch(/^OK\|\d+$/)
      const poll = () => curl(`${url}/res.php?key=${handle}&action=get&id=${reply.slice(3)}`)
      await expect.poll(poll).toBe(index === 2 ? 'OK|4711' : 'OK|03AF-the-answer')
    }
  })
})
