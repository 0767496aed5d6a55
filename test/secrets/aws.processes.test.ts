import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeniedError } from '../../src/base/errors.js'
import { type AwsSecretOptions, awsSecret, type SecretProvider } from '../../src/secrets/index.js'
import { installInto } from '../support/installed.js'
import { listen } from '../support/loopback.js'
import { KEY, NEXT_KEY, secretProviderContract } from './contract.js'
import { type RunningMoto, startMoto } from './stores.js'

const region = 'eu-central-1'
let moto: RunningMoto
let client: SecretsManagerClient
// Credentials of this machine must not reach the tests.
const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'an-id-of-the-tests',
  AWS_SECRET_ACCESS_KEY: 'a-secret-of-the-tests',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
}
beforeAll(async () => {
  moto = await startMoto()
  client = new SecretsManagerClient({
    region,
    endpoint: moto.endpoint,
    credentials: { accessKeyId: 'admin', secretAccessKey: 'admin' },
  })
})
afterAll(async () => {
  client?.destroy()
  await moto?.stop()
})
beforeEach(() => void Object.assign(process.env, ENVIRONMENT))
afterEach(() => {
  for (const name of [...Object.keys(ENVIRONMENT), 'AWS_REGION', 'AWS_PROFILE']) delete process.env[name]
})

let count = 0
const newName = () => `tests/${process.pid}-${count++}`
async function put(name: string, SecretString: string) {
  try {
    return await client.send(new CreateSecretCommand({ Name: name, SecretString }))
  } catch {
    return client.send(new PutSecretValueCommand({ SecretId: name, SecretString }))
  }
}
const aws = (name: string, more: AwsSecretOptions = {}) => awsSecret(name, { region, endpoint: moto.endpoint, ...more })

async function refusal(provider: SecretProvider): Promise<DeniedError> {
  try {
    await provider.fetch()
  } catch (error) {
    return error as DeniedError
  }
  throw new Error('the key was given')
}

secretProviderContract('awsSecret', () => {
  const name = newName()
  return {
    hold: async (text) => void (text !== undefined && (await put(name, text))),
    provider: () => aws(name),
    cleanUp() {},
  }
})

describe('awsSecret', () => {
  test("returns AWS's own versions, current and previous, with their dates", async () => {
    const name = newName()
    const began = Date.now()
    const first = await put(name, KEY)
    const second = await put(name, NEXT_KEY)
    const { current, previous } = await aws(name).fetch()
    expect([current.value.reveal(), current.version]).toEqual([NEXT_KEY, second.VersionId])
    expect([previous?.value.reveal(), previous?.version]).toEqual([KEY, first.VersionId])
    expect(Math.abs((current.createdAt ?? 0) - began)).toBeLessThan(60_000)
  })

  test('follows the version labels, not the dates: a rollback takes effect', async () => {
    const name = newName()
    const first = await put(name, KEY)
    const second = await put(name, NEXT_KEY)
    const back = { VersionStage: 'AWSCURRENT', MoveToVersionId: first.VersionId, RemoveFromVersionId: second.VersionId }
    await client.send(new UpdateSecretVersionStageCommand({ SecretId: name, ...back }))
    expect((await aws(name).fetch()).current.value.reveal()).toBe(KEY)
  })

  test('reads one field of a JSON secret, and rejects JSON without a configured field', async () => {
    const name = newName()
    await put(name, JSON.stringify({ apiKey: KEY, nested: { keys: [NEXT_KEY] } }))
    expect((await aws(name, { field: 'apiKey' }).fetch()).current.value.reveal()).toBe(KEY)
    expect((await aws(name, { field: 'nested.keys.0' }).fetch()).current.value.reveal()).toBe(NEXT_KEY)
    expect(await refusal(aws(name, { field: 'constructor' }))).toMatchObject({ code: 'SECRET_MISSING' })
    const error = await refusal(aws(name))
    expect([error.code, error.message]).toEqual(['SECRET_INVALID', expect.stringContaining('which field')])
    await put(name, KEY)
    expect(await refusal(aws(name, { field: 'apiKey' }))).toMatchObject({ code: 'SECRET_INVALID' })
  })

  test('takes the region from an ARN', async () => {
    const { ARN = '' } = await put(newName(), KEY)
    const provider = awsSecret(ARN, { endpoint: moto.endpoint })
    expect((await provider.fetch()).current.value.reveal()).toBe(KEY)
  })

  test("uses the region and the credentials of AWS's own tools", async () => {
    const name = newName()
    await put(name, KEY)
    const provider = () => awsSecret(name, { endpoint: moto.endpoint })
    expect((await refusal(provider())).message).toContain('no region is set')
    process.env.AWS_REGION = region
    expect((await provider().fetch()).current.value.reveal()).toBe(KEY)
    delete process.env.AWS_ACCESS_KEY_ID
    delete process.env.AWS_SECRET_ACCESS_KEY
    expect((await refusal(provider())).message).toContain('no credentials')
    const folder = mkdtempSync(join(tmpdir(), 'solveguard-aws-'))
    const profile = '[tests]\naws_access_key_id = an-id\naws_secret_access_key = a-secret\n'
    writeFileSync(join(folder, 'credentials'), profile)
    process.env.AWS_SHARED_CREDENTIALS_FILE = join(folder, 'credentials')
    process.env.AWS_PROFILE = 'tests'
    expect((await provider().fetch()).current.value.reveal()).toBe(KEY)
    rmSync(folder, { recursive: true })
  })

  test('rejects a secret that is scheduled for deletion, and a binary one', async () => {
    const name = newName()
    await put(name, KEY)
    await client.send(new DeleteSecretCommand({ SecretId: name }))
    expect(await refusal(aws(name))).toMatchObject({ code: 'SECRET_MISSING' })
    const binary = newName()
    await client.send(new CreateSecretCommand({ Name: binary, SecretBinary: Buffer.from(KEY) }))
    expect(await refusal(aws(binary))).toMatchObject({ code: 'SECRET_INVALID' })
  })

  test.each([
    ['AccessDeniedException', 400, 'SECRET_DENIED', 'GetSecretValue'],
    ['UnrecognizedClientException', 400, 'SECRET_DENIED', 'credentials'],
    ['ExpiredTokenException', 400, 'SECRET_DENIED', 'expired'],
    ['DecryptionFailure', 400, 'SECRET_DENIED', 'kms:Decrypt'],
    ['InternalServiceError', 500, 'SECRET_UNAVAILABLE', 'InternalServiceError'],
    ['ThrottlingException', 400, 'SECRET_UNAVAILABLE', 'Throttling'],
  ])('reports %s (%i) as %s, with %s in the message', async (type, status, code, text) => {
    const server = createServer((message, response) => {
      message.resume()
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify({ __type: type, message: 'no a-secret-of-the-tests' }))
    })
    const port = await listen(server)
    try {
      const error = await refusal(aws('x', { endpoint: `http://127.0.0.1:${port}` }))
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(text)])
      expect(error.message).not.toContain('a-secret')
    } finally {
      await new Promise((resolve) => server.close(resolve).closeAllConnections())
    }
  })

  test('ends a fetch from a store that hangs when the caller aborts', async () => {
    const server = createServer(() => {})
    const port = await listen(server)
    try {
      const abort = new AbortController()
      const asked = aws('x', { endpoint: `http://127.0.0.1:${port}` }).fetch(abort.signal)
      setTimeout(() => abort.abort(), 50)
      await expect(asked).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' })
    } finally {
      await new Promise((resolve) => server.close(resolve).closeAllConnections())
    }
  })

  test('names the package to install where the SDK is missing', async () => {
    const project = mkdtempSync(join(tmpdir(), 'solveguard-no-sdk-'))
    try {
      await installInto(project, ['luxon', 'socks', 'tldts', 'undici', 'zod'])
      writeFileSync(join(project, 'package.json'), '{}')
      writeFileSync(
        join(project, 'try.mjs'),
        `import { awsSecret } from 'solveguard/secrets'
         try { await awsSecret('x').fetch() } catch ({ code, message }) { console.log(code, message) }`,
      )
      const output = execFileSync(process.execPath, ['try.mjs'], { cwd: project, encoding: 'utf8' })
      expect(output).toContain('SECRET_UNAVAILABLE')
      expect(output).toContain('npm install @aws-sdk/client-secrets-manager')
    } finally {
      rmSync(project, { recursive: true })
    }
  })

  test.each<[string, string, object]>([
    ['an empty name', '', {}],
    ['a name with a space', 'a b', {}],
    ['an endpoint that is not HTTPS', 'a', { endpoint: 'http://aws.internal' }],
    ['a region that is not valid', 'a', { region: 'eu-central-1.evil.example/' }],
    ['an unknown option', 'a', { fields: 'x' }],
  ])('rejects %s', (_, name, options) => {
    expect(() => awsSecret(name, options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
