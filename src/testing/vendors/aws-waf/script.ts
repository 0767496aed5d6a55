/**
 * The stand-in's scripts, as they run in a browser. They are served as the text of these functions, so none of them may
 * refer to anything outside itself. They do what AWS documents of its own: a puzzle in the page itself, an answer that is
 * kept in a cookie, and requests that carry it.
 */

/** `jsapi.js`: `window.AwsWafCaptcha`. */
export function captcha(told: { base: string }): void {
  interface Configuration {
    apiKey: string
    onSuccess: (token: string) => void
    onError: (error: object) => void
    onLoad?: () => void
    onPuzzleIncorrect?: () => void
    onPuzzleCorrect?: () => void
    skipTitle?: boolean
  }
  const page = window as unknown as Record<string, unknown>

  /** On the first of the page's own domains that the host belongs to, else on the host's own. */
  function keep(token: string): void {
    const domains = (page.awsWafCookieDomainList as string[] | undefined) ?? []
    const domain = domains.find((one) => location.hostname === one || location.hostname.endsWith(`.${one}`))
    const secure = location.protocol === 'https:' ? '; secure' : ''
    // biome-ignore lint/suspicious/noDocumentCookie: it is what the real one does
    document.cookie = `aws-waf-token=${token}; path=/; samesite=lax${secure}${domain ? `; domain=${domain}` : ''}`
  }

  function kept(): string | undefined {
    return /(?:^|; )aws-waf-token=([^;]*)/.exec(document.cookie)?.[1]
  }

  async function ask(what: string, apiKey = ''): Promise<string> {
    const query = new URLSearchParams({ host: location.hostname, key: apiKey })
    const reply = await fetch(`${told.base}/${what}?${query}`, { method: 'POST' })
    const { token } = (await reply.json()) as { token?: string }
    if (!reply.ok || !token) throw new Error(`HTTP ${reply.status}`)
    return token
  }

  page.AwsWafCaptcha = {
    renderCaptcha(container: Element, configuration: Configuration): void {
      const element = document.createElement('awswaf-captcha')
      const root = element.attachShadow({ mode: 'open' })
      const words = document.createElement('p')
      words.textContent = 'Choose all the buckets'
      const wrong = document.createElement('button')
      wrong.type = 'button'
      wrong.id = 'wrong'
      wrong.textContent = 'A chair'
      const right = document.createElement('button')
      right.type = 'button'
      right.id = 'amzn-btn-verify-internal'
      right.textContent = 'Confirm'
      root.append(words, wrong, right)
      container.replaceChildren(element)
      wrong.onclick = () => configuration.onPuzzleIncorrect?.()
      right.onclick = async () => {
        try {
          const token = await ask('verify', configuration.apiKey)
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

  // The other half: a token for the browser alone, got unseen, with which no puzzle was solved.
  const integration = {
    hasToken: () => kept() !== undefined,
    async getToken(): Promise<string> {
      const known = kept()
      if (known) return known
      const token = await ask('challenge')
      // A puzzle may have been solved meanwhile.
      if (!kept()) keep(token)
      return kept() ?? token
    },
    async fetch(url: string, init: RequestInit = {}): Promise<Response> {
      const headers = new Headers(init.headers)
      headers.set('x-aws-waf-token', await integration.getToken())
      return fetch(url, { ...init, headers })
    },
  }
  page.AwsWafIntegration = integration
  integration.getToken().catch(() => {})
}
