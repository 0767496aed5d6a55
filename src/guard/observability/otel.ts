import type * as Api from '@opentelemetry/api'
import type { AnyChallenge } from '../../base/challenge.js'
import { DeniedError, SolveguardError } from '../../base/errors.js'
import { VERSION } from '../../base/version.js'
import type { Reply } from '../../base/wire.js'
import { type Transport, TransportError } from '../../egress/transport.js'
import type { Money } from '../../policy/money.js'
import { originOf } from '../../policy/origin.js'
import type { AccountParts } from '../accounts/account.js'
import type { BudgetStatus, Solution } from '../types.js'
import { Instruments } from './otel-metrics.js'
import { ATTRIBUTE, inUsd } from './otel-names.js'
import type { ObservedGuard, Telemetry } from './telemetry.js'

const SCOPE = 'solveguard'

const noop = (): void => {}

/** Spans and measurements through OpenTelemetry's API. Costs almost nothing until an SDK is registered with it. */
export class OpenTelemetry implements Telemetry {
  readonly #api: typeof Api
  readonly #tracer: Api.Tracer
  #guard: ObservedGuard | undefined
  #budgetStatus: (() => Promise<BudgetStatus>) | undefined
  #provider: Api.MeterProvider | undefined
  #instruments: Instruments | undefined
  #unwatch: (() => void) | undefined
  /** What each account's service reported last. */
  readonly #balances = new Map<string, Money>()

  constructor(api: typeof Api) {
    this.#api = api
    this.#tracer = api.trace.getTracer(SCOPE, VERSION)
  }

  observe(guard: ObservedGuard, readStatus: () => Promise<BudgetStatus>): void {
    this.#guard = guard
    this.#budgetStatus = readStatus
    this.#syncMeterProvider()
  }

  close(): void {
    this.#guard = undefined
    this.#instruments?.close()
    this.#instruments = undefined
    this.#unwatch?.()
  }

  solve(budget: string, run: (onParsed: (challenge: AnyChallenge) => void) => Promise<Solution>): Promise<Solution> {
    this.#syncMeterProvider()
    const { context, trace, SpanKind } = this.#api
    const outer = context.active()
    const span = this.#tracer.startSpan('solveguard.solve', { kind: SpanKind.INTERNAL }, outer)
    const recording = span.isRecording()
    if (!recording && !this.#instruments) return run(noop)
    let family: string | undefined
    const onParsed = (challenge: AnyChallenge): void => {
      family = challenge.family
      if (!recording) return
      span.setAttributes({
        [ATTRIBUTE.family]: family,
        [ATTRIBUTE.variant]: challenge.variant,
        [ATTRIBUTE.page]: pageOrigin(challenge),
      })
    }
    const familyOf = () => family
    if (!recording) return this.#finish(run(onParsed), familyOf, undefined)
    this.#watchSpans()
    span.setAttributes({ [ATTRIBUTE.guard]: this.#guard?.name, [ATTRIBUTE.budget]: budget })
    const solve = context.with(trace.setSpan(outer, span), () => run(onParsed))
    return this.#finish(solve, familyOf, span)
  }

  transport(of: Transport, { name, solver }: Pick<AccountParts, 'name' | 'solver'>): Transport {
    const { hostname, port, protocol } = new URL(solver.baseUrl)
    const where = {
      [ATTRIBUTE.method]: 'POST',
      [ATTRIBUTE.host]: hostname.replace(/^\[|\]$/g, ''),
      [ATTRIBUTE.port]: Number(port || (protocol === 'https:' ? 443 : 80)),
      [ATTRIBUTE.solver]: name,
      [ATTRIBUTE.route]: of.route,
    }
    const { context, trace, SpanKind, SpanStatusCode } = this.#api
    return {
      route: of.route,
      get address() {
        return of.address
      },
      verify: () => of.verify(),
      known: () => of.known?.(),
      close: () => of.close(),
      send: async (call, secret, options) => {
        const purpose = options?.purpose ?? 'call'
        if (purpose === 'poll') this.#instruments?.polled(name)
        const outer = context.active()
        const span = this.#tracer.startSpan(`solveguard.${purpose}`, { kind: SpanKind.CLIENT }, outer)
        const send = async (): Promise<Reply> => {
          const reply = await of.send(call, secret, options)
          const balance = purpose === 'balance' ? solver.readBalance(reply) : undefined
          if (balance?.kind === 'balance') this.#balances.set(name, balance.amount)
          return reply
        }
        if (!span.isRecording()) return send()
        span.setAttributes({ ...where, [ATTRIBUTE.url]: solver.baseUrl + call.path })
        try {
          // Spans of other HTTP instrumentation become children of this span.
          const reply = await context.with(trace.setSpan(outer, span), send)
          span.setAttribute(ATTRIBUTE.status, reply.status)
          if (reply.status >= 400) {
            span.setAttribute(ATTRIBUTE.error, String(reply.status))
            span.setStatus({ code: SpanStatusCode.ERROR })
          }
          return reply
        } catch (error) {
          span.setAttribute(ATTRIBUTE.error, error instanceof TransportError ? error.reason : codeOf(error))
          span.setStatus(this.#failure(error))
          throw error
        } finally {
          span.end()
        }
      },
    }
  }

  /** Records the outcome of a solve when it has ended. */
  #finish(solve: Promise<Solution>, family: () => string | undefined, span: Api.Span | undefined): Promise<Solution> {
    return solve.then(
      (solution) => {
        this.#instruments?.solve(family(), 'solved')
        if (span) {
          span.setAttributes({ [ATTRIBUTE.outcome]: 'solved', [ATTRIBUTE.cost]: inUsd(solution.cost) })
          if (solution.taskId !== '') span.setAttribute(ATTRIBUTE.taskId, solution.taskId)
          span.end()
        }
        return solution
      },
      (error) => {
        const code = codeOf(error)
        const outcome =
          error instanceof DeniedError
            ? 'denied'
            : code === 'SOLVE_ABORTED' || code === 'GUARD_CLOSED'
              ? 'aborted'
              : 'failed'
        this.#instruments?.solve(family(), outcome, code)
        if (span) {
          span.setAttributes({ [ATTRIBUTE.outcome]: outcome, [ATTRIBUTE.error]: code })
          if (error instanceof DeniedError) span.setAttribute(ATTRIBUTE.layer, error.layer)
          // A caller that aborts its solve knows that: it is no error.
          if (outcome !== 'aborted') span.setStatus(this.#failure(error))
          span.end()
        }
        throw error
      },
    )
  }

  /** Includes the message of this package's own errors only: messages of others may contain secrets. */
  #failure(error: unknown): Api.SpanStatus {
    const isOwn = error instanceof SolveguardError || error instanceof TransportError
    return { code: this.#api.SpanStatusCode.ERROR, ...(isOwn && { message: error.message }) }
  }

  /** Takes the solve's id and solver from its `authorized` event, which is emitted within the solve's span. */
  #watchSpans(): void {
    const { trace } = this.#api
    this.#unwatch ??= this.#guard?.events.on('authorized', ({ solveId, solver }) => {
      trace.getActiveSpan()?.setAttribute(ATTRIBUTE.solveId, solveId)
      if (solver !== undefined) trace.getActiveSpan()?.setAttribute(ATTRIBUTE.solver, solver)
    })
  }

  /** An SDK may be registered or replaced at any time. The API forwards that for tracers, but not for meters. */
  #syncMeterProvider(): void {
    const provider = this.#api.metrics.getMeterProvider()
    if (provider === this.#provider || !this.#guard || !this.#budgetStatus) return
    this.#provider = provider
    this.#instruments?.close()
    const meter = provider.getMeter(SCOPE, VERSION)
    this.#instruments =
      meter === this.#api.createNoopMeter()
        ? undefined
        : new Instruments(meter, this.#guard, this.#budgetStatus, this.#balances)
  }
}

function pageOrigin({ pageUrl }: AnyChallenge): string | undefined {
  const page = originOf(pageUrl)
  return page.ok ? page.origin : undefined
}

function codeOf(error: unknown): string {
  return error instanceof SolveguardError ? error.code : '_OTHER'
}
