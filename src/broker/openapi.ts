import { z } from 'zod'
import {
  BROKER_PATHS,
  errorShape,
  narrowRequestShape,
  reportRequestShape,
  solutionShape,
  solveEventShapes,
  solveRequestShape,
} from '../wires/broker.js'

/** A route, as it is described. */
export interface DescribedRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** What it does, in a sentence. */
  readonly summary: string
  /** Its body. @default none */
  readonly request?: z.ZodType | undefined
  /** What it replies, where it succeeds. */
  readonly response: z.ZodType
}

/** The description of an interface all of whose routes take and give JSON, for its own bearer token. */
export function openApiOf(title: string, description: string, version: string, routes: readonly DescribedRoute[]) {
  const paths: Record<string, Record<string, object>> = {}
  for (const { method, path, summary, request, response } of routes) {
    const done = { description: 'Done', content: { 'application/json': { schema: schemaOf(response) } } }
    const responses = { 200: done, ...errorResponses() }
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: { summary, ...(request && { requestBody: body(request) }), responses },
    }
  }
  return { openapi: OPENAPI, info: { title, version, description }, ...BY_TOKEN, paths }
}

const OPENAPI = '3.1.0'
const BY_TOKEN = {
  components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  security: [{ token: [] }],
}

function errorResponses(): object {
  const error = {
    description: 'The error, with its code',
    content: { 'application/json': { schema: schemaOf(errorShape) } },
  }
  return { 400: error, 401: error, 403: error, 429: error, 503: error }
}

/**
 * The description of the broker's own interface (https://spec.openapis.org/oas/v3.1.0). The services' interfaces are
 * described by the services, and the operator's by its own listener.
 */
export function openApi(version: string): object {
  const errors = errorResponses()
  const text = (description: string) => ({ description, content: { 'text/plain': { schema: { type: 'string' } } } })
  return {
    openapi: OPENAPI,
    info: {
      title: 'solveguard broker',
      version,
      description: "The broker's own interface. Clients of the services use the services' own, at the same address.",
    },
    ...BY_TOKEN,
    paths: {
      [BROKER_PATHS.solve]: {
        post: {
          summary: 'Solves one challenge. The events are accepted, then solved or failed.',
          requestBody: body(solveRequestShape),
          responses: {
            200: {
              description: 'Server-sent events',
              content: {
                'text/event-stream': {
                  schema: {
                    type: 'object',
                    properties: Object.fromEntries(
                      Object.entries(solveEventShapes).map(([name, shape]) => [name, schemaOf(shape)]),
                    ),
                  },
                },
              },
            },
            ...errors,
          },
        },
      },
      [BROKER_PATHS.report]: {
        post: {
          summary: 'Reports whether the site accepted an answer.',
          requestBody: body(reportRequestShape),
          responses: { 200: { description: 'Reported' }, ...errors },
        },
      },
      [BROKER_PATHS.narrow]: {
        post: {
          summary: 'Makes a token that allows at most what this one and the policy both allow.',
          requestBody: body(narrowRequestShape),
          responses: { 200: { description: 'The token, and the id of its last link' }, ...errors },
        },
      },
      [BROKER_PATHS.end]: {
        post: {
          summary: 'Revokes the last link of the token, and with it every token below.',
          responses: { 200: { description: 'Revoked' }, ...errors },
        },
      },
      [BROKER_PATHS.status]: {
        get: {
          summary: "The state of the token's budget.",
          responses: { 200: { description: 'The state; amounts in micro-dollars' }, ...errors },
        },
      },
      [BROKER_PATHS.health]: {
        get: { summary: 'Whether the process answers.', security: [], responses: { 200: text('ok') } },
      },
      [BROKER_PATHS.ready]: {
        get: {
          summary: 'Whether new tasks are taken.',
          security: [],
          responses: { 200: text('ready'), 503: text('draining, or the ledger does not answer') },
        },
      },
      [BROKER_PATHS.metrics]: {
        get: { summary: 'Counts, for Prometheus.', security: [], responses: { 200: text('metrics') } },
      },
    },
    'x-solution': schemaOf(solutionShape),
  }
}

function body(shape: z.ZodType): object {
  return { required: true, content: { 'application/json': { schema: schemaOf(shape) } } }
}

function schemaOf(shape: z.ZodType): object {
  const { $schema, ...schema } = z.toJSONSchema(shape, { unrepresentable: 'any' }) as Record<string, unknown>
  return schema
}
