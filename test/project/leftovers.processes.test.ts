import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { leftoverFiles, leftoverProcesses, watchDescendants } from '../../scripts/leftovers.mjs'

/** A run's temporary folder with that of one test file. */
function planted(): { run: string; folder: string } {
  const run = mkdtempSync(join(tmpdir(), 'run-'))
  onTestFinished(() => rmSync(run, { recursive: true, force: true }))
  const folder = join(run, 'some.pages')
  mkdirSync(folder)
  return { run, folder }
}

it('names a file that a test has left, and removes folders that are empty', () => {
  const { run, folder } = planted()
  mkdirSync(join(folder, 'profile'))
  writeFileSync(join(folder, 'profile', 'data'), '')
  mkdirSync(join(run, 'other.pages'))
  expect(leftoverFiles(run)).toEqual([join(folder, 'profile')])
  rmSync(join(folder, 'profile'), { recursive: true })
  expect(leftoverFiles(run)).toEqual([])
  expect(existsSync(folder)).toBe(false)
})

it.runIf(process.platform === 'linux').each([
  ['environment', (folder: string) => ({ env: { TMPDIR: folder } })],
  ['working directory', (folder: string) => ({ cwd: folder, env: {} })],
])('names a process that a test has left, by its %s, and the test file', async (_, options) => {
  const { run, folder } = planted()
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', ...options(folder) })
  const ended = once(child, 'close')
  onTestFinished(() => void child.kill('SIGKILL'))
  const expected = { pid: child.pid, text: expect.stringContaining('(some.pages)') }
  await vi.waitFor(() => expect(leftoverProcesses(run)).toMatchObject([expected]), { timeout: 60_000 })
  child.kill('SIGKILL')
  await ended
  expect(leftoverProcesses(run)).toEqual([])
})

it.runIf(process.platform === 'linux')('names a process that a test has left, by its parents', async () => {
  // The parent runs a shell that starts a process without an environment, in another folder, and ends.
  const script = 'env -i -C / sleep 1000 >/dev/null & sleep 1; echo $!'
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const descendants = watchDescendants(parent.pid ?? 0)
  onTestFinished(() => descendants.stop())
  const ended = once(parent, 'close')
  const [output] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(output.toString())
  onTestFinished(() => void process.kill(pid, 'SIGKILL'))
  await ended
  expect(descendants.left()).toEqual([{ pid, text: expect.stringContaining('sleep 1000') }])
})
