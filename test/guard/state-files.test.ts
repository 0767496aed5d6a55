import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { jsonlAudit } from '../../src/audit/jsonl.js'
import { verifyAudit } from '../../src/audit/verify.js'
import { createGuard } from '../../src/guard/create.js'
import { fileLedger } from '../../src/ledger/file.js'
import { memoryLedger } from '../../src/ledger/memory.js'
import { usd } from '../../src/policy/money.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { memoryAudit } from '../../src/testing/audit.js'
import { type SolverService, startSolverService } from '../../src/testing/service/index.js'
import { after, challenge, errorOf, fixedSecret, type Rig, rig } from './support.js'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'solveguard-files-'))
  after(async () => rmSync(dir, { recursive: true, force: true }))
})

async function ownService(): Promise<SolverService> {
  const service = await startSolverService()
  after(() => service.close())
  return service
}

/** As in a process with that working folder. */
function workIn(folder: string): void {
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder)
  after(async () => cwd.mockRestore())
}

/** A guard with its ledger and audit log in files. */
function onDisk(service?: Rig['service']): Promise<Rig> {
  return rig({
    ...(service && { service }),
    ledger: fileLedger({ dir }),
    guardOptions: { audit: jsonlAudit({ dir: join(dir, 'audit') }) },
  })
}

describe('a guard with its ledger and audit log in files', () => {
  it('counts what an earlier guard on the same files has spent', async () => {
    const first = await onDisk()
    await first.guard.solve(challenge)
    await first.guard.close()
    const second = await onDisk(first.service)
    expect((await second.guard.status()).day.spent).toBe(usd(0.001))
  })

  it('writes a log that verifies against the heads in the ledger; verification finds a truncated log', async () => {
    const { guard, service, ledger: openLedger } = await onDisk()
    for (let i = 0; i < 3; i++) await guard.solve(challenge)
    // The head is saved with each settlement: a killed process cannot save it at its end.
    expect(await openLedger.heads()).toMatchObject([{ seq: 10 }])
    await guard.close()
    expect(service.tasks).toHaveLength(3)
    const ledger = fileLedger({ dir })
    await ledger.open()
    after(async () => ledger.close())
    const heads = await ledger.heads()
    const verified = await verifyAudit(join(dir, 'audit'), { heads })
    // opened, three times authorized, submitted and solved, closed
    expect(verified).toMatchObject({ ok: true, records: 11 })
    const file = join(dir, 'audit', verified.files[0]?.file ?? '')
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, -2).join('\n').concat('\n'))
    expect(await verifyAudit(join(dir, 'audit'), { heads })).toMatchObject({
      ok: false,
      firstBad: { line: 11, problem: 'missing' },
    })
  })

  it('writes a .gitignore into a new state folder, so that git ignores the folder', async () => {
    const stateDir = join(dir, 'state')
    const guard = await createGuard({
      policy: { origins: ['https://staging.example.com'] },
      stateDir,
      secret: fixedSecret('a-key-for-the-tests'),
    })
    await guard.close()
    expect(readFileSync(join(stateDir, '.gitignore'), 'utf8')).toBe('*\n')
  })

  it('makes one key for its tokens, when a process first needs it, that only its owner may read', async () => {
    const stateDir = join(dir, 'state')
    const make = () =>
      createGuard({
        policy: { origins: ['https://staging.example.com'] },
        stateDir,
        ledger: memoryLedger(),
        audit: memoryAudit(),
        secret: fixedSecret('a-key-for-the-tests'),
      })
    const guards = [await make(), await make()]
    const late = await make()
    expect(existsSync(join(stateDir, 'token.key'))).toBe(false)
    const tokens = await Promise.all(guards.map((guard) => guard.issueToken({})))
    for (const guard of guards) for (const { token } of tokens) await guard.verifyToken(token)
    expect(readdirSync(stateDir).sort()).toEqual(['.gitignore', 'token.key'])
    expect(statSync(join(stateDir, 'token.key')).mode & 0o777).toBe(0o600)
    chmodSync(join(stateDir, 'token.key'), 0o644)
    expect(await errorOf(late.issueToken({}))).toMatchObject({ code: 'SECRET_UNSAFE' })
    for (const guard of [...guards, late]) await guard.close()
  })

  it('says what to do where the key for its tokens cannot be written', async () => {
    writeFileSync(join(dir, 'a-file'), '')
    const { guard } = await rig({ guardOptions: { stateDir: join(dir, 'a-file'), tokens: undefined } })
    const error = await errorOf(guard.issueToken({}))
    expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE' })
    expect(error.message).toContain('tokens.keys')
  })

  it('is not created where the ledger or the audit log cannot be written', async () => {
    writeFileSync(join(dir, 'a-file'), '')
    const nowhere = join(dir, 'a-file', 'below')
    const noLedger = await errorOf(rig({ ledger: fileLedger({ dir: nowhere }) }))
    expect(noLedger).toMatchObject({ name: 'DeniedError', code: 'LEDGER_UNAVAILABLE' })
    const noAudit = await errorOf(rig({ guardOptions: { audit: jsonlAudit({ dir: nowhere }) } }))
    expect(noAudit).toMatchObject({ name: 'DeniedError', code: 'AUDIT_UNAVAILABLE' })
  })

  it('sends nothing while the audit folder is missing, and solves again once it is back', async () => {
    const { guard, service } = await onDisk()
    await guard.solve(challenge)
    rmSync(join(dir, 'audit'), { recursive: true })
    guard.on('alert', () => {})
    expect(await errorOf(guard.solve(challenge))).toMatchObject({ code: 'AUDIT_UNAVAILABLE', layer: 'audit' })
    expect(service.tasks).toHaveLength(1)
    expect((await guard.status()).day).toMatchObject({ spent: usd(0.001), reserved: 0 })
    mkdirSync(join(dir, 'audit'))
    await guard.solve(challenge)
    expect(service.tasks).toHaveLength(2)
  })

  it('finds at the next heartbeat that the ledger file is missing, and spends nothing until it is back', async () => {
    const { guard, ledger, service } = await onDisk()
    guard.on('alert', () => {})
    renameSync(join(dir, 'ledger.db'), join(dir, 'stolen.db'))
    const heartbeat = async (): Promise<void> => ledger.heartbeat('any-owner', Date.now())
    expect((await errorOf(heartbeat())).code).toBe('LEDGER_UNAVAILABLE')
    // By now another process could count in a new file of that name.
    expect((await errorOf(guard.solve(challenge))).code).toBe('LEDGER_UNAVAILABLE')
    expect(service.requests).toHaveLength(0)
    renameSync(join(dir, 'stolen.db'), join(dir, 'ledger.db'))
    await guard.solve(challenge)
    expect(service.tasks).toHaveLength(1)
  })

  it('has one cap for all working folders of a repository', async () => {
    const service = await ownService()
    writeFileSync(join(dir, 'package.json'), '{"workspaces":["packages/*"]}')
    const ends: (string | undefined)[] = []
    for (const folder of ['packages/a', 'packages/b', 'docs']) {
      mkdirSync(join(dir, folder), { recursive: true })
      writeFileSync(join(dir, folder, 'package.json'), '{}')
      workIn(join(dir, folder))
      const guard = await createGuard({
        solver: captchaAI({
          baseUrl: service.url,
          polling: { firstPollMs: 0, everyMs: 5 },
          pricing: { per: 'solve', usd: 0.001 },
        }),
        secret: fixedSecret(service.key),
        policy: { origins: ['https://staging.example.com'], budget: { perDay: usd(0.001) } },
      })
      guard.on('alert', () => {})
      ends.push(
        await guard.solve(challenge).then(
          () => 'solved',
          ({ code }) => String(code),
        ),
      )
      await guard.close()
    }
    expect(ends).toEqual(['solved', 'BUDGET_EXHAUSTED', 'BUDGET_EXHAUSTED'])
    expect(service.tasks).toHaveLength(1)
  })
})
