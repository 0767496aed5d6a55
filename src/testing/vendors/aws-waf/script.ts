/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented to do: a puzzle in the page itself, an
 * answer kept in a cookie, requests that carry it.
 */

/** `jsapi.js`: `window.AwsWafCaptcha`. */
export function captcha(options: { base: string }): void {
  interface Configuration {
    apiKey: string
    onSuccess: (token: string) => void
    onError: (error: object) => void
    onLoad?: () => void
    onPuzzleIncorrect?: () => void
    onPuzzleCorrect?: () => void
    skipTitle?: boolean
  }

  /** Sets the cookie for the first of `awsWafCookieDomainList` that the host belongs to, else for the host. */
  function keep(token: string): void {
    const domains = (Reflect.get(window, 'awsWafCookieDomainList') as string[] | undefined) ?? []
    const domain = domains.find((one) => location.hostname === one || location.hostname.endsWith(`.${one}`))
    const secure = location.protocol === 'https:' ? '; secure' : ''
    // biome-ignore lint/suspicious/noDocumentCookie: the real script does the same
    document.cookie = `aws-waf-token=${token}; path=/; samesite=lax${secure}${domain ? `; domain=${domain}` : ''}`
  }

  function kept(): string | undefined {
    return /(?:^|; )aws-waf-token=([^;]*)/.exec(document.cookie)?.[1]
  }

  async function request(what: string, apiKey = ''): Promise<string> {
    const query = new URLSearchParams({ host: location.hostname, key: apiKey })
    const reply = await fetch(`${options.base}/${what}?${query}`, { method: 'POST' })
    const { token } = (await reply.json()) as { token?: string }
    if (!reply.ok || !token) throw new Error(`HTTP ${reply.status}`)
    return token
  }

  const captcha = {
    renderCaptcha(container: Element, configuration: Configuration): void {
      const element = document.createElement('awswaf-captcha')
      const root = element.attachShadow({ mode: 'open' })
      const instruction = document.createElement('p')
      instruction.textContent = 'Choose all the buckets'
      const wrong = document.createElement('button')
      wrong.type = 'button'
      wrong.id = 'wrong'
      wrong.textContent = 'A chair'
      const right = document.createElement('button')
      right.type = 'button'
      right.id = 'amzn-btn-verify-internal'
      right.textContent = 'Confirm'
      root.append(instruction, wrong, right)
      container.replaceChildren(element)
      wrong.onclick = () => configuration.onPuzzleIncorrect?.()
      right.onclick = async () => {
        try {
          const token = await request('verify', configuration.apiKey)
          configuration.onPuzzleCorrect?.()
          keep(token)
          configuration.onSuccess(token)
        } catch (error) {
          configuration.onError({ kind: 'network_error', statusCode: 0, error })
        }
      }
      setTimeout(() => configuration.onLoad?.(), 0)
    },
  }
  Reflect.set(window, 'AwsWafCaptcha', captcha)

  // The other half of the API: a token that the script gets in the background, without a solved puzzle.
  const integration = {
    hasToken: () => kept() !== undefined,
    async getToken(): Promise<string> {
      const known = kept()
      if (known) return known
      const token = await request('challenge')
      // The user may have solved a puzzle in the meantime.
      if (!kept()) keep(token)
      return kept() ?? token
    },
    async fetch(url: string, init: RequestInit = {}): Promise<Response> {
      const headers = new Headers(init.headers)
      headers.set('x-aws-waf-token', await integration.getToken())
      return fetch(url, { ...init, headers })
    },
  }
  Reflect.set(window, 'AwsWafIntegration', integration)
  integration.getToken().catch(() => {})
}
