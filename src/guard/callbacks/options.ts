import { z } from 'zod'
import { checkBaseUrl } from '../../base/service-url.js'

/** Call-backs of the services, as an option of a guard. */
export interface CallbackInput {
  /**
   * The address at which the services reach this guard: `https:`, or `http:` on a loopback address. Each task gets an
   * address below it that cannot be guessed.
   */
  url: string
  /**
   * Where to listen. Without it nothing is opened: mount `callbackHandler(guard)` or `callbackListener(guard)` in your
   * own server, or start a broker with this guard.
   *
   * @default none
   */
  listen?:
    | {
        /**
         * The address to listen on.
         *
         * @default '127.0.0.1'
         */
        host?: string | undefined
        /** The port to listen on, 1 to 65535. Of several processes on one machine, one listens for all. */
        port: number
      }
    | undefined
  /**
   * Files that prove to a service whose domain it is, by path, such as `{ '/2captcha.txt': '…' }`.
   *
   * @default none
   */
  files?: Readonly<Record<string, string>> | undefined
}

/** The options of call-backs, checked. */
export interface CallbackOptions {
  readonly at: {
    readonly origin: string
    /** The path before the address of a task, without a slash at its end. */
    readonly prefix: string
    readonly hostname: string
  }
  readonly listen: { readonly host: string; readonly port: number } | undefined
  readonly files: ReadonlyMap<string, string>
}

const MAX_URL_LENGTH = 200
const MAX_FILES = 10
const path = z
  .string()
  .max(200)
  .regex(/^(?:\/[\w.-]{1,100})+$/, { error: 'expected a path such as /2captcha.txt' })

/** The shape of the option. */
export const callbacksShape = z.strictObject(
  {
    url: z
      .string({ error: 'expected an address such as https://hooks.example.com/captcha' })
      .max(MAX_URL_LENGTH, `expected at most ${MAX_URL_LENGTH} characters`),
    listen: z
      .strictObject({
        host: z.string({ error: 'expected an address' }).min(1).optional(),
        port: z
          .number({ error: 'expected a port' })
          .int({ error: 'expected a port' })
          .min(1, 'expected a port')
          .max(65_535, 'expected a port'),
      })
      .optional(),
    files: z
      .record(path, z.string({ error: 'expected the content of the file' }).max(4_096))
      .refine((files) => Object.keys(files).length <= MAX_FILES, `at most ${MAX_FILES} files`)
      .optional(),
  },
  { error: "expected options such as { url: 'https://hooks.example.com/captcha' }" },
)

/**
 * Checks the address. Copied: what the caller changes in its own objects afterwards has no effect.
 * @throws SolveguardError `CONFIG_INVALID`
 */
export function callbackOptions({ url, listen, files = {} }: z.output<typeof callbacksShape>): CallbackOptions {
  const { origin, prefix } = checkBaseUrl(url, 'options.callbacks.url')
  return {
    at: { origin, prefix, hostname: new URL(origin).hostname },
    listen: listen && { host: listen.host ?? '127.0.0.1', port: listen.port },
    files: new Map(Object.entries(files)),
  }
}
