import { createRequire } from 'node:module'

// The services' own published clients. They are not changed, except for the address that they call.

const load = createRequire(import.meta.url)

export interface TwoCaptchaClient {
  recaptcha(params: object): Promise<{ readonly data: string; readonly id: string }>
  hcaptcha(params: object): Promise<{ readonly data: string }>
  cloudflareTurnstile(params: object): Promise<{ readonly data: string }>
  balance(): Promise<number>
  goodReport(id: string): Promise<unknown>
  badReport(id: string): Promise<unknown>
}

/** `@2captcha/captcha-solver`. */
export function twoCaptchaClient(url: string, key: string): TwoCaptchaClient {
  const { Solver } = load('@2captcha/captcha-solver') as {
    Solver: new (key: string, everyMs: number) => TwoCaptchaClient
  }
  return Object.defineProperties(new Solver(key, 5), {
    in: { value: `${url}/in.php` },
    res: { value: `${url}/res.php` },
  })
}

export interface AntiCaptchaClient {
  settings: Record<string, unknown>
  setAPIKey(key: string): void
  getBalance(): Promise<number>
  solveRecaptchaV2Proxyless(url: string, key: string, isInvisible?: boolean): Promise<string>
  solveRecaptchaV3(url: string, key: string, minScore: number, action: string): Promise<string>
  solveHCaptchaProxyless(url: string, key: string): Promise<string>
  solveTurnstileProxyless(url: string, key: string, action?: string, cData?: string): Promise<string>
  solveTurnstileProxyOn(url: string, key: string, ...proxy: unknown[]): Promise<string>
  reportIncorrectRecaptcha(): Promise<unknown>
}

/** `@antiadmin/anticaptchaofficial`: one object for the whole process. */
export function antiCaptchaClient(url: string, key: string): AntiCaptchaClient {
  interface Axios {
    interceptors: { request: { clear(): void; use(change: (config: { url: string }) => object): void } }
  }
  const client = load('@antiadmin/anticaptchaofficial') as AntiCaptchaClient
  const axios = createRequire(load.resolve('@antiadmin/anticaptchaofficial'))('axios') as Axios
  axios.interceptors.request.clear()
  axios.interceptors.request.use((config) => ({
    ...config,
    proxy: false,
    url: config.url.replace('https://api.anti-captcha.com', url),
  }))
  Object.assign(client.settings, {
    clientKey: key,
    isVerbose: false,
    firstAttemptWaitingInterval: 0,
    normalWaitingInterval: 0,
  })
  return client
}

type CapMonsterRequest = 'RecaptchaV2Request' | 'RecaptchaV3ProxylessRequest' | 'TurnstileRequest'

export interface CapMonsterClient {
  /** Solves a request of that class. */
  solve(request: CapMonsterRequest, options: object): Promise<string | undefined>
  getBalance(): Promise<{ balance: number }>
}

/** `@zennolab_com/capmonstercloud-client`. */
export function capMonsterClient(url: string, key: string): CapMonsterClient {
  type Made = new (options: object) => object
  interface Solved {
    readonly error?: string
    readonly solution?: { readonly gRecaptchaResponse?: string; readonly token?: string }
  }
  interface Cloud {
    Solve(request: object, timeouts: object): Promise<Solved>
    getBalance(): Promise<{ balance: number }>
  }
  const classes = load('@zennolab_com/capmonstercloud-client') as Record<'ClientOptions' | CapMonsterRequest, Made> & {
    CapMonsterCloudClientFactory: { Create(options: object): Cloud }
  }
  const options = new classes.ClientOptions({ clientKey: key, serviceUrl: url })
  const client = classes.CapMonsterCloudClientFactory.Create(options)
  return {
    async solve(request, params) {
      const timeouts = { firstRequestDelay: 0, requestsInterval: 5, timeout: 30_000 }
      const { error, solution } = await client.Solve(new classes[request](params), timeouts)
      if (error !== undefined) throw new Error(error)
      return solution?.gRecaptchaResponse ?? solution?.token
    },
    getBalance: () => client.getBalance(),
  }
}
