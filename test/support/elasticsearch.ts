import type { IncomingMessage } from 'node:http'
import { reply, serve } from '../../src/testing/shared/http.js'

/** A server that checks a client against Elasticsearch's published contract of `_bulk`, and stores its documents. */
export interface Elasticsearch {
  readonly url: string
  /** The documents, in order. */
  readonly documents: readonly unknown[]
  readonly requests: number
  /** The client's violations of the contract. */
  readonly violations: readonly string[]
  /** The most records in one request. */
  readonly largest: number
  /** The last request. */
  readonly last: { readonly search: string; readonly accept?: string; readonly authorization?: string } | undefined
  /**
   * Answers the next requests, one each, without storing; `hang` never answers, `lose` stores and hangs up, `reset`
   * does so with a reset.
   */
  next(...answers: (Answer | 'hang' | 'lose' | 'reset')[]): void
  /** The answer to every request from now on; `undefined` ends it. */
  always(answer: Answer | undefined): void
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly body: string
}

const INDEX = 'logs-solveguard.audit-default'

/** @param authorization the header that every request has to have */
export async function startElasticsearch(authorization?: string): Promise<Elasticsearch> {
  const byId = new Map<string, unknown>()
  const documents: unknown[] = []
  const violations: string[] = []
  const queue: (Answer | 'hang' | 'lose' | 'reset')[] = []
  let constant: Answer | undefined
  let requests = 0
  let largest = 0
  let last: Elasticsearch['last']

  const server = await serve(async (request, response) => {
    requests++
    const { accept, authorization: given } = request.headers
    last = {
      search: new URL(request.url ?? '', 'http://localhost').search,
      ...(accept !== undefined && { accept }),
      ...(given !== undefined && { authorization: given }),
    }
    const body = await readAll(request)
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      return reply(response, 'json', '{"error":{"type":"security_exception"},"status":401}', { status: 401 })
    }
    const answer = queue.shift() ?? constant
    if (answer === 'hang') return
    if (typeof answer === 'object') {
      return reply(response, 'json', answer.body, { status: answer.status })
    }
    const url = new URL(request.url ?? '', 'http://localhost')
    if (request.method !== 'POST' || url.pathname !== `/${INDEX}/_bulk`) violations.push(`${request.method} ${url}`)
    if (request.headers['content-type'] !== 'application/x-ndjson') violations.push('not NDJSON')
    if (!body.endsWith('\n')) violations.push('the last line has no newline')
    const lines = body.split('\n').slice(0, -1)
    largest = Math.max(largest, lines.length / 2)
    const items: unknown[] = []
    for (let i = 0; i < lines.length; i += 2) {
      const action = JSON.parse(lines[i] ?? '') as Record<string, { _id?: unknown }>
      // A data stream accepts `create` actions only.
      if (Object.keys(action).join() !== 'create') violations.push(`not a creation: ${lines[i]}`)
      const id = String(action.create?._id)
      const document: unknown = JSON.parse(lines[i + 1] ?? '')
      if (typeof (document as Record<string, unknown>)['@timestamp'] !== 'string') violations.push('no @timestamp')
      if (byId.has(id)) {
        items.push({ create: { status: 409, error: { type: 'version_conflict_engine_exception' } } })
        continue
      }
      byId.set(id, document)
      documents.push(document)
      items.push({ create: { status: 201 } })
    }
    if (answer === 'lose') response.destroy()
    else if (answer === 'reset') request.socket.resetAndDestroy()
    else
      reply(
        response,
        'json',
        JSON.stringify({ errors: items.some((item) => JSON.stringify(item).includes('409')), items }),
      )
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    documents,
    violations,
    get requests() {
      return requests
    },
    get largest() {
      return largest
    },
    get last() {
      return last
    },
    next: (...answers) => void queue.push(...answers),
    always: (answer) => {
      constant = answer
    },
    close: () => server.close(),
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
