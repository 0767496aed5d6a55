// What the apps of these tests share: the site of which they are pages.

declare global {
  interface Window {
    /** Set by the site's server. */
    readonly SITEKEY: string
    /** What the app's callbacks were called with, by name. */
    callbacks: [name: string, ...values: unknown[]][]
  }
}

export const { SITEKEY } = window

/** The options that the test sets for the app. */
export const query: URLSearchParams = new URLSearchParams(location.search)

window.callbacks = []

/** Records the call of a callback. */
export function tell(name: string, ...values: unknown[]): void {
  window.callbacks.push([name, ...values])
}

/** Sends a token to the site's server, as a single-page app does, and shows the server's reply. */
export async function signIn(family: string, field: string, token: string | null | undefined): Promise<void> {
  document.getElementById('answer')?.remove()
  const response = await fetch(`/${family}/login`, {
    method: 'POST',
    body: new URLSearchParams({ [field]: token ?? '' }),
  })
  const answer = document.createElement('output')
  answer.id = 'answer'
  answer.textContent = response.ok ? 'accepted' : 'refused'
  document.body.append(answer)
}

/** The element into which the app is rendered. */
export const root = (): HTMLElement => document.getElementById('app') as HTMLElement
