import type { IncomingMessage } from 'node:http'
import { reply, serve } from '../../src/testing/shared/http.js'

/** A server that holds a client to Elasticsearch's published contract of `_bulk`, and keeps what it is given. */
export interface Elasticsearch {
  readonly url: string
  /** The documents, in order. */
  readonly documents: readonly unknown[]
  readonly requests: number
  /** What a client did against the contract. */
  readonly complaints: readonly string[]
  /** Answers the next requests: each function takes one, and none of them stores. `hang` never answers, `lose` stores and hangs up. */
  next(...answers: (Answer | 'hang' | 'lose')[]): void
  /** From now on every request gets this, until `undefined`. */
  always(answer: Answer | undefined): void
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly body: string
}

const INDEX = 'logs-solveguard.audit-default'

/** @param authorization what every request has to carry */
export async function startElasticsearch(authorization?: string): Promise<Elasticsearch> {
  const byId = new Map<string, unknown>()
  const documents: unknown[] = []
  const complaints: string[] = []
  const queue: (Answer | 'hang' | 'lose')[] = []
  let standing: Answer | undefined
  let requests = 0

  const server = await serve(async (request, response) => {
    requests++
    const body = await readAll(request)
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      return reply(response, 'json', '{"error":{"type":"security_exception"},"status":401}', { status: 401 })
    }
    const answer = queue.shift() ?? standing
    if (answer === 'hang') return
    if (answer !== undefined && answer !== 'lose') {
      return reply(response, 'json', answer.body, { status: answer.status })
    }
    const url = new URL(request.url ?? '', 'http://localhost')
    if (request.method !== 'POST' || url.pathname !== `/${INDEX}/_bulk`) complaints.push(`${request.method} ${url}`)
    if (request.headers['content-type'] !== 'application/x-ndjson') complaints.push('not NDJSON')
    if (!body.endsWith('\n')) complaints.push('the last line has no newline')
    const lines = body.split('\n').slice(0, -1)
    const items: unknown[] = []
    for (let i = 0; i < lines.length; i += 2) {
      const action = JSON.parse(lines[i] ?? '') as Record<string, { _id?: unknown }>
      // A data stream takes nothing but creations.
      if (Object.keys(action).join() !== 'create') complaints.push(`not a creation: ${lines[i]}`)
      const id = String(action.create?._id)
      const document: unknown = JSON.parse(lines[i + 1] ?? '')
      if (typeof (document as Record<string, unknown>)['@timestamp'] !== 'string') complaints.push('no @timestamp')
      if (byId.has(id)) {
        items.push({ create: { status: 409, error: { type: 'version_conflict_engine_exception' } } })
        continue
      }
      byId.set(id, document)
      documents.push(document)
      items.push({ create: { status: 201 } })
    }
    if (answer === 'lose') response.destroy()
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
    complaints,
    get requests() {
      return requests
    },
    next: (...answers) => void queue.push(...answers),
    always: (answer) => {
      standing = answer
    },
    close: () => server.close(),
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
