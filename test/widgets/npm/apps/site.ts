// What the apps of these tests have in common: the site that they are pages of.

declare global {
  interface Window {
    /** Put there by the site's server. */
    readonly SITEKEY: string
    /** What the app's callbacks were called with, by name. */
    told: [name: string, ...values: unknown[]][]
  }
}

export const { SITEKEY } = window

/** How the test wants the app to be. */
export const query: URLSearchParams = new URLSearchParams(location.search)

window.told = []

/** Notes that a callback was called. */
export function tell(name: string, ...values: unknown[]): void {
  window.told.push([name, ...values])
}

/** Sends a token to the site's server, as an app does that leaves its page never, and shows what the server says. */
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

/** Where the app is drawn. */
export const root = (): HTMLElement => document.getElementById('app') as HTMLElement
