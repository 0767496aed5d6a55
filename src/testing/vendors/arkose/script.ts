/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: the page's callback
 * is called once it exists and the settings have arrived, the challenge is in a frame on another origin, answers are
 * kept inside.
 */

declare global {
  interface Window {
    FunCaptcha?: object
  }
}

/** `/v2/<public key>/api.js`. */
export function api({ base, key }: { base: string; key: string }): void {
  type Callback = (response: object) => void
  interface Config {
    selector?: string
    mode?: string
    data?: { blob?: string }
    [callback: string]: unknown
  }
  const name = document.currentScript?.dataset.callback ?? ''
  let config: Config = {}
  let frame: HTMLIFrameElement | undefined
  let holder: HTMLElement | undefined
  let token = ''
  let bound: Element | null = null
  let loaded = false
  let queued = false

  const emit = (name: string, details: object = {}): void => {
    const callback = config[name]
    if (typeof callback === 'function') (callback as Callback).call(config, { token, ...details })
  }
  const open = (shown: boolean): void => {
    if (!holder) return
    holder.style.visibility = shown ? 'visible' : 'hidden'
    for (const name of shown ? ['onShown', 'onShow'] : ['onHide']) emit(name)
  }
  const post = (eventId: string) =>
    frame?.contentWindow?.postMessage(JSON.stringify({ eventId, key, data: config.data }), base)
  const complete = (suppressed: boolean): void => {
    if (suppressed) emit('onSuppress')
    emit('onCompleted', { completed: true, suppressed })
  }
  const draw = (): void => {
    if (frame) return
    frame = document.createElement('iframe')
    frame.src = `${base}/v2/2.4.4/enforcement.stand-in.html#${key}&${crypto.randomUUID()}`
    frame.title = 'Verification challenge'
    frame.dataset.e2e = 'enforcement-frame'
    frame.style.cssText = 'border:0;width:320px;height:200px'
    holder = document.createElement('div')
    holder.style.visibility = 'hidden'
    holder.append(frame)
    const inside = config.mode === 'inline' ? document.querySelector(config.selector ?? '') : null
    if (!inside) holder.style.cssText += ';position:fixed;inset:0;background:#0008'
    ;(inside ?? document.body).append(holder)
  }
  const run = (): void => {
    draw()
    if (loaded) post('run')
    else queued = true
  }
  const onClick = (event: Event): void => {
    event.preventDefault()
    run()
  }

  addEventListener('message', (event) => {
    if (event.origin !== new URL(base).origin || event.source !== frame?.contentWindow) return
    const message = JSON.parse(event.data as string) as { eventId: string; token?: string; suppressed?: boolean }
    token = message.token ?? token
    if (message.eventId === 'loaded') {
      loaded = true
      emit('onReady')
      if (queued || config.mode === 'inline') run()
    } else if (message.eventId === 'show') open(true)
    else if (message.eventId === 'closed') open(false)
    else if (message.eventId === 'complete') {
      complete(message.suppressed === true)
      if (holder?.style.visibility === 'visible') open(false)
    }
  })

  const enforcement = {
    version: '2.4.4',
    setConfig(next: Config): void {
      config = { ...config, ...next }
      bound?.removeEventListener('click', onClick)
      bound = config.mode === 'inline' ? null : document.querySelector(config.selector ?? 'none')
      bound?.addEventListener('click', onClick)
      draw()
    },
    getConfig: (): Config => ({ ...config }),
    run,
    reset(): void {
      token = ''
      post('reset')
      if (holder) holder.style.visibility = 'hidden'
      emit('onReset')
    },
  }

  const begin = (tries: number): void => {
    const callback: unknown = Reflect.get(window, name)
    if (typeof callback === 'function') (callback as (given: object) => void)(enforcement)
    else if (tries > 0) setTimeout(begin, 50, tries - 1)
  }
  // It needs a body to render into.
  const parsed = new Promise<void>((resolve) => {
    if (document.readyState !== 'loading') resolve()
    else addEventListener('DOMContentLoaded', () => resolve())
  })
  void Promise.all([fetch(`${base}/v2/${key}/settings`), parsed]).then(() => begin(200))
}

/** `enforcement.<hash>.html`: starts a session, and shows its challenge if it has one. */
export function enforcementFrame(): void {
  const key = location.hash.slice(1).split('&')[0] ?? ''
  const host = new URL(document.referrer || location.href).hostname
  const post = (message: object) => parent.postMessage(JSON.stringify(message), '*')
  let token = ''
  const request = async (path: string, facts: Record<string, string>): Promise<Record<string, string>> =>
    (await fetch(path, { method: 'POST', body: new URLSearchParams(facts) })).json()
  addEventListener('message', async ({ data, source }) => {
    if (source !== parent || typeof data !== 'string') return
    const { eventId, data: sent } = JSON.parse(data) as { eventId: string; data?: { blob?: string } }
    if (eventId !== 'run') return
    const session = await request(`/fc/gt2/public_key/${key}`, { host, blob: sent?.blob ?? '' })
    token = session.token ?? ''
    if (session.suppressed) post({ eventId: 'complete', token, suppressed: true })
    else post({ eventId: 'show', token })
  })
  document.getElementById('verify')?.addEventListener('click', async () => {
    await request('/fc/ca/', { session_token: token })
    post({ eventId: 'complete', token })
  })
  document.getElementById('close')?.addEventListener('click', () => post({ eventId: 'closed' }))
  post({ eventId: 'loaded' })
}

/** `/fc/api/`: the older kind, which renders into each element with a public key. */
export function boxApi({ base }: { base: string }): void {
  const draw = async (box: HTMLElement): Promise<void> => {
    const key = box.dataset.pkey ?? ''
    const body = new URLSearchParams({ host: location.hostname, box: '1' })
    const reply = await fetch(`${base}/fc/gt2/public_key/${key}`, { method: 'POST', body })
    const { token } = (await reply.json()) as { token: string }
    for (const [id, name] of [
      ['FunCaptcha-Token', 'fc-token'],
      ['verification-token', 'verification-token'],
    ] as const) {
      const field = document.createElement('input')
      field.type = 'hidden'
      field.id = id
      field.name = name
      field.value = token
      box.append(field)
    }
    const frame = document.createElement('iframe')
    frame.id = 'fc-iframe-wrap'
    frame.src = `${base}/fc/gc/?token=${encodeURIComponent(token)}&pk=${key}`
    frame.style.cssText = 'border:0;width:308px;height:200px'
    box.append(frame)
    addEventListener('message', (event) => {
      if (event.source !== frame.contentWindow || event.data !== 'complete') return
      const callback: unknown = Reflect.get(window, box.dataset.callback ?? '')
      if (typeof callback === 'function') (callback as (token: string) => void)(token)
    })
  }
  window.FunCaptcha = {}
  for (const box of document.querySelectorAll<HTMLElement>('[data-pkey]')) void draw(box)
}

/** `/fc/gc/`: the older kind's frame. */
export function boxFrame(): void {
  const token = new URLSearchParams(location.search).get('token') ?? ''
  document.getElementById('verify')?.addEventListener('click', async () => {
    await fetch('/fc/ca/', { method: 'POST', body: new URLSearchParams({ session_token: token }) })
    parent.postMessage('complete', '*')
  })
}
