import type { Telemetry } from './telemetry.js'

/**
 * OpenTelemetry, where the application has its API installed; else nothing. The API is one for the whole process, whichever copy of it is
 * loaded, and does nothing until an SDK is registered with it.
 */
export async function loadTelemetry(): Promise<Telemetry | undefined> {
  try {
    const api = await import('@opentelemetry/api')
    // Before 1.3 it had no metrics.
    if (typeof api.trace?.getTracer !== 'function' || typeof api.metrics?.getMeterProvider !== 'function') return
    const { OpenTelemetry } = await import('./otel.js')
    return new OpenTelemetry(api)
  } catch {
    // Not installed, or not whole: a guard does without.
    return
  }
}
