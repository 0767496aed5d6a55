import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { createSecretCache } from '../../src/secrets/cache.js'
import { fileSecret } from '../../src/secrets/index.js'
import { watchFile } from '../../src/secrets/watch.js'
import { KEY, NEXT_KEY } from './contract.js'

let folder: string
let stop = () => {}
let changes = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-watch-'))
  changes = 0
})
afterEach(() => {
  stop()
  rmSync(folder, { recursive: true })
})

const watching = (path: string) => {
  stop = watchFile(path, systemClock, () => changes++)
}
const reported = (times: number) => vi.waitFor(() => expect(changes).toBeGreaterThanOrEqual(times), { timeout: 60_000 })

/** A secret as Kubernetes mounts it: files are links into `..data`, which is a link to the current folder. */
function mount(version: string, text: string): void {
  const data = join(folder, `..${version}`)
  mkdirSync(data)
  writeFileSync(join(data, 'key'), text, { mode: 0o644 })
  symlinkSync(`..${version}`, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
}

describe('watchFile', () => {
  test('reports a file that is written, replaced, removed and created again, each time', async () => {
    const path = join(folder, 'key')
    writeFileSync(path, KEY)
    watching(path)
    appendFileSync(path, '\n')
    await reported(1)
    writeFileSync(join(folder, 'new'), NEXT_KEY)
    renameSync(join(folder, 'new'), path)
    await reported(2)
    unlinkSync(path)
    await reported(3)
    writeFileSync(path, KEY)
    await reported(4)
  })

  test('does not report other changes in the folder', async () => {
    const path = join(folder, 'key')
    writeFileSync(path, KEY)
    watching(path)
    for (let i = 0; i < 10; i++) writeFileSync(join(folder, `other-${i}`), 'x')
    await sleep(200)
    expect(changes).toBe(0)
    appendFileSync(path, '\n')
    await reported(1)
  })

  test('reports each change of a secret that Kubernetes mounts', async () => {
    mount('1', KEY)
    symlinkSync('..data/key', join(folder, 'key'))
    watching(join(folder, 'key'))
    for (const version of [2, 3, 4]) {
      mount(String(version), NEXT_KEY)
      rmSync(join(folder, `..${version - 1}`), { recursive: true })
      await reported(version - 1)
    }
  })

  test('follows a folder that is removed and created again as a link', async () => {
    mkdirSync(join(folder, 'a'))
    mkdirSync(join(folder, 'b'))
    writeFileSync(join(folder, 'b', 'key'), KEY)
    symlinkSync('a', join(folder, 'link'))
    watching(join(folder, 'link', 'key'))
    unlinkSync(join(folder, 'link'))
    symlinkSync('b', join(folder, 'link'))
    await reported(1)
    writeFileSync(join(folder, 'b', 'key'), NEXT_KEY)
    await reported(2)
  })

  test('reports nothing once it was stopped, and ignores paths that cannot be watched', async () => {
    const path = join(folder, 'key')
    watching(join(folder, 'no', 'such', 'folder'))
    stop()
    watching(path)
    writeFileSync(path, KEY)
    stop()
    await sleep(150)
    expect(changes).toBe(0)
  })

  test('makes fileSecret return a replaced key at once', async () => {
    mount('1', `${KEY}\n`)
    symlinkSync('..data/key', join(folder, 'key'))
    const cache = createSecretCache(fileSecret(join(folder, 'key'), { mounted: true }), { clock: systemClock })
    cache.open()
    stop = cache.close
    await cache.get()
    mount('2', `${NEXT_KEY}\n${KEY}\n`)
    const now = () => cache.peek(Date.now())
    await vi.waitFor(() => expect(now()?.current.value.reveal()).toBe(NEXT_KEY), { timeout: 60_000 })
    expect(now()?.previous?.value.reveal()).toBe(KEY)
  })
})
