import { formWire } from '../wires/form.js'
import { SERVICE_HOSTS, SERVICES, type ServiceName, type ServiceWires } from '../wires/services.js'
import { taskWire } from '../wires/task.js'
import type { DecodedRequest, Wire } from '../wires/wire.js'

/** The two families of wires. */
export type WireFamily = 'form' | 'tasks'

const WIRES = Object.fromEntries(
  (Object.entries(SERVICES) as [ServiceName, ServiceWires][]).map(([name, { form, tasks }]) => [
    name,
    { form: form && formWire(form), tasks: tasks && taskWire(tasks) },
  ]),
) as Readonly<Record<ServiceName, Readonly<Record<WireFamily, Wire | undefined>>>>

/** What clients that name no service get: it speaks both families. */
const DEFAULT = 'twocaptcha'

/** The wire of a service's dialect; that of another one, where the service does not speak the family. */
export function wireOf(service: ServiceName, family: WireFamily): { service: ServiceName; wire: Wire } {
  const wire = WIRES[service][family]
  return wire ? { service, wire } : { service: DEFAULT, wire: WIRES[DEFAULT][family] as Wire }
}

/** The service that a host name stands for, without regard to its port. */
export function serviceOfHost(host: string | undefined): ServiceName | undefined {
  const name = host?.replace(/:\d+$/, '').toLowerCase()
  return name !== undefined && Object.hasOwn(SERVICE_HOSTS, name) ? SERVICE_HOSTS[name] : undefined
}

/** The service that the first part of a path names, and the path after it: `/capsolver/createTask`. */
export function servicePrefix(path: string): { service: ServiceName | undefined; path: string } {
  const end = path.indexOf('/', 1)
  const first = end < 0 ? '' : path.slice(1, end)
  return Object.hasOwn(SERVICES, first)
    ? { service: first as ServiceName, path: path.slice(end) }
    : { service: undefined, path }
}

/** What clients of one service do and those of others do not. */
export function serviceByMarks(request: DecodedRequest, userAgent: string): ServiceName | undefined {
  if (/zennolab/i.test(userAgent)) return 'capmonster'
  if (/\bcapsolver\b/i.test(userAgent)) return 'capsolver'
  const type = request.fields.type ?? ''
  if (/^ReCaptcha|ProxyLess$|^Anti(?:Turnstile|AwsWaf|Akamai|Cloudflare)/.test(type)) return 'capsolver'
  // Elsewhere a type without `Proxyless` needs a proxy.
  return TYPES_OF_CAPMONSTER.test(type) && request.task?.proxy === undefined ? 'capmonster' : undefined
}

const TYPES_OF_CAPMONSTER = /^(?:RecaptchaV2Task|RecaptchaV2EnterpriseTask|TurnstileTask|CustomTask|ComplexImageTask)$/
