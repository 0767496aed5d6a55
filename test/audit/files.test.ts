import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filesOf, isMissing, openArchive, openLog } from '../../src/audit/files.js'
import { linesOf, MAX_LINE_BYTES } from '../../src/audit/read-lines.js'
import { folderForEachTest } from './folder.js'

let dir: string
folderForEachTest((path) => {
  dir = path
})

const log = (name: string, content: string | Buffer = '') => writeFileSync(join(dir, name), content)

/** The lines of chunks, and whether each chunk was asked for within a line. */
async function linesIn(chunks: readonly Buffer[], skipLong?: boolean) {
  const left = [...chunks]
  const asked: boolean[] = []
  const read = async (isInLine: boolean) => {
    asked.push(isInLine)
    const next = left.shift()
    // The next call overwrites it.
    for (const one of chunks) if (one !== next && !left.includes(one)) one.fill(0x21)
    return next
  }
  const lines: [text: string, end: string][] = []
  for await (const { bytes, end } of linesOf(read, skipLong === undefined ? undefined : { skipLong })) {
    lines.push([end === 'long' ? `${bytes.length}` : bytes.toString(), end])
  }
  return { lines, asked }
}

describe('the lines of a log', () => {
  it('are the same however their bytes are cut into chunks, each of which is valid until the next one', async () => {
    const text = fc
      .array(fc.constantFrom('a', 'bc', '\n', '\n\n', 'é'), { maxLength: 20 })
      .map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(text, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), async (whole, sizes) => {
        const bytes = Buffer.from(whole)
        const chunks: Buffer[] = []
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value
          chunks.push(Buffer.from(bytes.subarray(at, at + size)))
          at += size
        }
        const expected = whole.split('\n').map((line): [string, string] => [line, 'whole'])
        const rest = expected.pop()?.[0] ?? ''
        if (rest !== '') expected.push([rest, 'cut'])
        expect((await linesIn(chunks)).lines).toEqual(expected)
      }),
    )
  })

  it('are asked for with what is left of a line that is being written', async () => {
    const chunks = ['ab', 'c\n', 'd\ne'].map((text) => Buffer.from(text))
    expect((await linesIn(chunks)).asked).toEqual([false, true, false, true])
  })

  it('end at a line that is too long, or go on behind it', async () => {
    const longest = 'x'.repeat(MAX_LINE_BYTES)
    const chunked = (text: string) =>
      Array.from({ length: Math.ceil(text.length / 300_000) }, (_, n) =>
        Buffer.from(text.slice(n * 300_000, (n + 1) * 300_000)),
      )
    for (const cut of [(text: string) => [Buffer.from(text)], chunked]) {
      expect((await linesIn(cut(`${longest}\na\n`))).lines).toEqual([
        [longest, 'whole'],
        ['a', 'whole'],
      ])
      for (const long of [`${longest}x`, longest + longest]) {
        const text = `a\n${long}\nb\nc`
        const { lines } = await linesIn(cut(text))
        expect(lines).toEqual([
          ['a', 'whole'],
          [expect.stringMatching(/^\d+$/), 'long'],
        ])
        expect((await linesIn(cut(text), true)).lines).toEqual([...lines, ['b', 'whole'], ['c', 'cut']])
        // What is behind it and no line is not taken for one.
        expect((await linesIn(cut(`a\n${long}`), true)).lines).toEqual(lines)
      }
    }
  })
})

describe('the files of a log', () => {
  it('are those of a folder by name, once each, also where they are compressed', async () => {
    for (const name of ['b.jsonl', 'a.jsonl.gz', 'c.jsonl', 'c.jsonl.gz', 'd.json', 'e.gz', 'f.jsonl.gz.tmp']) log(name)
    const names = ['a.jsonl', 'b.jsonl', 'c.jsonl']
    const folder = { dir, names, siblings: names, whole: true }
    expect(await filesOf(dir)).toEqual(folder)
    expect(await filesOf({ dir })).toEqual(folder)
    for (const file of ['a.jsonl', 'a.jsonl.gz']) {
      const one = { dir, names: ['a.jsonl'], siblings: names, whole: false }
      expect(await filesOf({ file: join(dir, file) })).toEqual(one)
      expect(await filesOf(join(dir, file))).toEqual(one)
    }
    // A file of another name is asked for, and is not one of the folder's.
    expect(await filesOf(join(dir, 'e.gz'))).toEqual({ dir, names: ['e.gz'], siblings: names, whole: false })
  })

  it('are of the kind that was asked for', async () => {
    log('a.jsonl')
    for (const wrong of [
      { file: dir },
      { dir: join(dir, 'a.jsonl') },
      join(dir, 'b.jsonl'),
      { dir: join(dir, 'none') },
    ]) {
      await expect(filesOf(wrong)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })
})

describe('a file of a log', () => {
  const read = async (opened: ReturnType<typeof openLog>) => {
    const file = await opened
    const lines: string[] = []
    for await (const { bytes } of file.lines()) lines.push(bytes.toString())
    await file.close()
    return { archived: file.archived, size: file.size, lines }
  }
  const path = () => join(dir, 'a.jsonl')

  it('is read itself while there is one, and otherwise what it was compressed to', async () => {
    log('a.jsonl', 'one\ntwo\n')
    const archive = gzipSync('three\nfour')
    log('a.jsonl.gz', archive)
    expect(await read(openLog(path()))).toEqual({ archived: false, size: 8, lines: ['one', 'two'] })
    renameSync(path(), join(dir, 'away'))
    const archived = { archived: true, size: archive.length, lines: ['three', 'four'] }
    expect(await read(openLog(path()))).toEqual(archived)
    expect(await read(openArchive(`${path()}.gz`))).toEqual(archived)
  })

  it('is as long as several pieces of memory, compressed or not', async () => {
    const lines = Array.from({ length: 40_000 }, (_, n) => `the line with number ${n}`)
    log('a.jsonl', lines.join('\n'))
    log('b.jsonl.gz', gzipSync(readFileSync(path())))
    expect((await read(openLog(path()))).lines).toEqual(lines)
    expect((await read(openLog(join(dir, 'b.jsonl')))).lines).toEqual(lines)
  })

  it('that is neither there nor compressed is missing, and a folder is no file', async () => {
    const errorOf = (opened: Promise<unknown>) => opened.catch((error: unknown) => error)
    const missing = await errorOf(openLog(path()))
    expect(isMissing(missing)).toBe(true)
    expect(missing).toMatchObject({ path: path() })
    mkdirSync(`${path()}.gz`)
    expect(await errorOf(openLog(path()))).toMatchObject({ code: 'EISDIR' })
    mkdirSync(path())
    expect(await errorOf(openLog(path()))).toMatchObject({ code: 'EISDIR' })
    expect([undefined, null, new Error('ENOENT')].map(isMissing)).toEqual([false, false, false])
  })

  it('whose compressed bytes are cut off is an error, behind the lines that are whole', async () => {
    log('a.jsonl.gz', gzipSync('one\n'.repeat(100_000)).subarray(0, -9))
    await expect(read(openLog(path()))).rejects.toThrow()
  })
})
