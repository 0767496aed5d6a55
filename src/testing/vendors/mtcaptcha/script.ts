/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: parameters
 * come from `window.mtcaptchaConfig`, answers are kept inside, frames on another origin send JSON strings.
 */

/** `mtcaptcha.min.js`: `window.mtcaptcha`. */
export function client(options: { base: string }): void {
  interface Instance {
    domID: string
    element: HTMLElement
    frame: HTMLIFrameElement
    field: HTMLInputElement
    token: string
    shown: boolean
    expired: boolean
    timer?: ReturnType<typeof setTimeout>
  }

  // Pages load the same script from a second address too, in case the first one fails.
  if (Reflect.get(window, 'mtcaptcha')) return
  const config: Record<string, unknown> = Reflect.get(window, 'mtcaptchaConfig') ?? {}
  const instances = new Map<string, Instance>()
  let count = 0

  function emit(name: string, instance?: Instance): void {
    const callback = config[`${name}-callback`]
    const at: unknown = typeof callback === 'string' ? Reflect.get(window, callback.trim()) : callback
    if (typeof at === 'function') at(instance && status(instance))
  }

  function status({ element, domID, token, shown, expired }: Instance) {
    return {
      element,
      domID,
      verifiedToken: token || null,
      isVerified: token !== '',
      isVisible: shown,
      statusDesc: token ? 'Verified' : expired ? 'Verified Token Expired' : 'Not Verified',
    }
  }

  function draw(element: HTMLElement): void {
    const domID = element.id || 'mtcaptcha'
    if (instances.get(domID)?.frame.isConnected) return
    const n = ++count
    const inner = document.createElement('div')
    const frame = document.createElement('iframe')
    frame.id = `mtcaptcha-iframe-${n}`
    const facts = {
      v: 'stand-in',
      sitekey: String(config.sitekey).trim(),
      iframeId: frame.id,
      widgetSize: String(config.widgetSize ?? 'standard'),
      widgetInstance: domID,
      action: String(config.action ?? '').trim(),
      host: location.origin,
      hostname: location.hostname,
      lowFrictionInvisible: String(config.lowFrictionInvisible ?? ''),
    }
    frame.src = `${options.base}/mtcv1/client/iframe.html?${new URLSearchParams(facts)}`
    frame.style.border = '0'
    frame.style.width = '300px'
    frame.style.height = '80px'
    frame.style.visibility = 'hidden'
    inner.append(frame)
    const field = document.createElement('input')
    field.type = 'hidden'
    field.name = 'mtcaptcha-verifiedtoken'
    field.className = 'mtcaptcha-verifiedtoken'
    field.id = `mtcaptcha-verifiedtoken-${n}`
    element.replaceChildren(inner, field)
    const instance: Instance = { domID, element, frame, field, token: '', shown: false, expired: false }
    instances.set(domID, instance)
    emit('rendered', instance)
  }

  function put(instance: Instance, token: string): void {
    instance.token = token
    instance.field.value = token
    clearTimeout(instance.timer)
  }

  function instanceOf(domID: unknown): Instance | undefined {
    return domID === undefined ? [...instances.values()][0] : instances.get(String(domID))
  }

  addEventListener('message', ({ origin, data }) => {
    if (origin !== new URL(options.base).origin || typeof data !== 'string') return
    const message = JSON.parse(data) as { event?: string; iframeId?: string; verifiedToken?: string; ttl?: number }
    const instance = [...instances.values()].find(({ frame }) => frame.id === message.iframeId)
    if (!instance) return
    if (message.event === 'show') {
      instance.shown = true
      instance.frame.style.visibility = 'visible'
    } else if (message.event === 'verifystatuschange' && message.verifiedToken) {
      put(instance, message.verifiedToken)
      emit('verified', instance)
      instance.timer = setTimeout(() => {
        put(instance, '')
        instance.expired = true
        emit('verifyexpired', instance)
      }, message.ttl)
    }
  })

  function drawAll(domID?: unknown): void {
    const queue = Array.isArray(config.renderQueue) ? (config.renderQueue as string[]) : []
    const named = domID === undefined ? queue : [String(domID)]
    for (const id of named) {
      const element = document.getElementById(id)
      if (element) draw(element)
    }
    if (domID === undefined) for (const element of document.querySelectorAll<HTMLElement>('.mtcaptcha')) draw(element)
  }

  const api = {
    getConfiguration: () => ({ ...config }),
    getStatus: (domID?: string) => {
      const instance = instanceOf(domID)
      return instance ? status(instance) : null
    },
    getVerifiedToken: (domID?: string) => instanceOf(domID)?.token || null,
    renderUI: (domID?: string) => drawAll(domID),
    resetUI(domID?: string) {
      const instance = instanceOf(domID)
      if (instance) put(instance, '')
    },
    destroyUI(domID?: string) {
      const instance = instanceOf(domID)
      if (!instance) return
      clearTimeout(instance.timer)
      instance.element.replaceChildren()
      instances.delete(instance.domID)
    },
  }
  Reflect.set(window, 'mtcaptcha', api)

  const begin = () => {
    emit('jsloaded')
    if (config.render !== 'explicit') drawAll()
  }
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', begin)
  else setTimeout(begin, 0)
}

/** `iframe.html`: passes invisibly, or shows a picture with a text to type. */
export function frame(): void {
  const facts = new URLSearchParams(location.search)
  const post = (event: string, more: object = {}) =>
    parent.postMessage(JSON.stringify({ event, iframeId: facts.get('iframeId'), ...more }), facts.get('host') ?? '*')
  const request = async (what: string, more: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      sk: facts.get('sitekey') ?? '',
      act: facts.get('action') ?? '',
      bd: facts.get('hostname') ?? '',
      ...more,
    })
    const reply = (await (await fetch(`/mtcv1/api/${what}.json?${query}`)).json()) as { vt?: string; vtttl?: number }
    if (reply.vt) post('verifystatuschange', { verifiedToken: reply.vt, ttl: reply.vtttl })
    else post('show')
  }
  const field = document.querySelector('input')
  document.querySelector('form')?.addEventListener('submit', (event) => {
    event.preventDefault()
    void request('solvechallenge', { st: field?.value ?? '' })
  })
  void request('getchallenge')
}
