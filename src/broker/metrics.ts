import type { DecodedRequest } from '../wires/wire.js'
import type { BrokerTasks } from './tasks.js'

/** Counts of a broker, in the text format of Prometheus. No label holds a token, a page or an address. */
export class Metrics {
  /** By endpoint, service and error code. */
  readonly #requests = new Map<string, number>()

  /** @param error the service's word, of which there are few; undefined for a reply that is no error */
  count(endpoint: DecodedRequest['endpoint'], service: string, error: string | undefined): void {
    const labels = `endpoint="${endpoint}",dialect="${service}",error="${error ?? ''}"`
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1)
  }

  /** https://prometheus.io/docs/instrumenting/exposition_formats/ */
  text(tasks: BrokerTasks): string {
    const { submitted, solved, failed, fetched, unclaimed, adopted } = tasks.counts
    return [
      metric('solveguard_broker_requests_total', 'counter', 'Requests of clients.', [...this.#requests]),
      metric('solveguard_broker_tasks_total', 'counter', 'Tasks, by what became of them.', [
        ['state="submitted"', submitted],
        ['state="solved"', solved],
        ['state="failed"', failed],
        ['state="fetched"', fetched],
        ['state="unclaimed"', unclaimed],
        ['state="adopted"', adopted],
      ]),
      metric('solveguard_broker_tasks_under_way', 'gauge', 'Tasks under way.', [['', tasks.working]]),
      metric(
        'solveguard_broker_submits_waiting',
        'gauge',
        'Submits that wait for a slot, for rate or for the ledger.',
        [['', tasks.waiting]],
      ),
      metric('solveguard_broker_answers_waiting', 'gauge', 'Answers that no client has fetched yet.', [
        ['', tasks.unclaimed],
      ]),
      metric('solveguard_broker_draining', 'gauge', 'Whether the broker is about to stop.', [
        ['', tasks.draining ? 1 : 0],
      ]),
    ].join('')
  }
}

function metric(name: string, type: string, help: string, values: readonly (readonly [string, number])[]): string {
  const lines = values.map(([labels, value]) => `${name}${labels && `{${labels}}`} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}
