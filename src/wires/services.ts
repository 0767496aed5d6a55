import type { MultiValueFormat } from './form.js'
import type { TaskDialect } from './task.js'

/** The wires of each service. */
export const SERVICES = {
  captchaai: { form: 'text', callback: 'query' },
  twocaptcha: { form: 'object', tasks: { reportsCost: true, errorStatuses: false }, callback: 'form' },
  anticaptcha: { tasks: { reportsCost: true, errorStatuses: false }, callback: 'json' },
  capmonster: { tasks: { reportsCost: false, errorStatuses: false, sameTypeWithProxy: true }, callback: 'json' },
  capsolver: {
    tasks: { reportsCost: false, errorStatuses: true, solvesImagesAtOnce: true, createdStatus: 'idle' },
    ids: 'uuids',
    callback: 'json',
  },
} satisfies Readonly<Record<string, ServiceWires>>

/** The wires that a service speaks, and its kind of task id. */
export interface ServiceWires {
  readonly form?: MultiValueFormat
  readonly tasks?: TaskDialect
  /** @default 'numbers' */
  readonly ids?: 'numbers' | 'uuids'
  /** How it calls back. */
  readonly callback: CallbackFormat
}

/** How a service calls back: a GET with a query, a POST of a form, or a POST of what a poll is answered with. */
export type CallbackFormat = 'query' | 'form' | 'json'

/** A service whose wires are known. */
export type ServiceName = keyof typeof SERVICES

/** The names of the services. */
export const SERVICE_NAMES = Object.keys(SERVICES) as [ServiceName, ...ServiceName[]]

/** The hosts of the services. */
export const SERVICE_HOSTS: Readonly<Record<string, ServiceName>> = {
  'ocr.captchaai.com': 'captchaai',
  '2captcha.com': 'twocaptcha',
  'api.2captcha.com': 'twocaptcha',
  'rucaptcha.com': 'twocaptcha',
  'api.rucaptcha.com': 'twocaptcha',
  'api.anti-captcha.com': 'anticaptcha',
  'api.capmonster.cloud': 'capmonster',
  'api.capsolver.com': 'capsolver',
}
