import type { Telemetry } from './telemetry.js'

/**
 * Loads OpenTelemetry if the application has its API installed; otherwise returns undefined. The API's state is global
 * to the process, whichever copy is loaded. It does nothing until an SDK is registered with it.
 */
export async function loadTelemetry(): Promise<Telemetry | undefined> {
  try {
    const api = await import('@opentelemetry/api')
    // The API has metrics since version 1.3.
    if (typeof api.trace?.getTracer !== 'function' || typeof api.metrics?.getMeterProvider !== 'function') return
    const { OpenTelemetry } = await import('./otel.js')
    return new OpenTelemetry(api)
  } catch {
    // Not installed, or incomplete: the guard runs without it.
    return
  }
}
