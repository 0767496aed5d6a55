import { describe, expect, it } from 'vitest'
import { Abort, type AbortWatch } from '../../src/base/abort.js'

function ofNode(): { watch: AbortWatch; abort(): void } {
  const controller = new AbortController()
  return { watch: controller.signal, abort: () => controller.abort() }
}

function ofOurs(): { watch: AbortWatch; abort(): void } {
  const abort = new Abort()
  return { watch: abort, abort: () => abort.abort() }
}

describe.each([
  ['an AbortController', ofNode],
  ['an Abort', ofOurs],
])('%s', (_, make) => {
  it('calls each listener once, in order, with itself aborted, however often it aborts', () => {
    const { watch, abort } = make()
    const calls: [string, boolean][] = []
    const first = (): void => void calls.push(['first', watch.aborted])
    watch.addEventListener('abort', first, { once: true })
    watch.addEventListener('abort', first, { once: true })
    watch.addEventListener('abort', () => calls.push(['second', watch.aborted]), { once: true })
    expect(watch.aborted).toBe(false)
    abort()
    abort()
    expect(calls).toEqual([
      ['first', true],
      ['second', true],
    ])
  })

  it('calls no listener that was removed, nor one that was added too late', () => {
    const { watch, abort } = make()
    const calls: string[] = []
    const removed = (): void => void calls.push('removed')
    watch.addEventListener('abort', removed, { once: true })
    watch.addEventListener('abort', () => calls.push('kept'), { once: true })
    watch.removeEventListener('abort', removed)
    watch.removeEventListener('abort', removed)
    abort()
    watch.addEventListener('abort', () => calls.push('late'), { once: true })
    abort()
    expect(calls).toEqual(['kept'])
  })
})
