import type { IncomingMessage, ServerResponse } from 'node:http'
import type { WidgetFamily } from '../../../src/base/challenge.js'
import { reply, serve } from '../../../src/testing/shared/http.js'
import { SITE_FAMILIES } from '../../../src/testing/site/families.js'
import { geetestSite } from '../../../src/testing/vendors/geetest/site.js'
import type { CorpusPage, Proof } from './format.js'
import { type Vendors, verifyAt } from './vendors.js'

/** A request with a token, as the page's server took it. */
export interface Submission {
  readonly path: string
  /** Why it is not what the page's file says; absent: the vendor accepted the token. */
  readonly refused?: string
}

/** The servers of all pages of the corpus: each page is a site of its own. */
export interface CorpusSite {
  urlOf(page: CorpusPage): string
  /** What a page has sent so far, oldest first. */
  submissions(page: CorpusPage): readonly Submission[]
  /** Forgets it, before another run. */
  forget(page: CorpusPage): void
  close(): Promise<void>
}

/** Browsers resolve every name below localhost to loopback. To them, all pages are of one site, but not one origin. */
const BELOW = '.real.localhost'

type Pairs = readonly (readonly [name: string, value: string])[]

/** Starts the server. */
export async function startCorpusSite(pages: readonly CorpusPage[], vendors: Vendors): Promise<CorpusSite> {
  const byName = new Map(pages.map((page) => [page.name, page]))
  const taken = new Map<string, Submission[]>()
  const server = await serve(handle)

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams, hostname } = new URL(`http://${request.headers.host}${request.url}`)
    const page = byName.get(hostname.slice(0, -BELOW.length))
    if (!page) return reply(response, 'html', '', { status: 404 })
    const nth = (taken.get(page.name) ?? []).filter(({ path }) => path === pathname).length
    const proofs = page.proof.filter(({ path }) => path === pathname)
    const proof = proofs[Math.min(nth, proofs.length - 1)]
    const isRead = proof?.token !== undefined && (searchParams.has(proof.token) || proof.token.startsWith('cookie:'))
    if (proof && (request.method === 'POST' || isRead)) {
      const sent = [...searchParams, ...(await pairsOf(request))]
      const submission = await judge(page, proof, nth < proofs.length, sent, request)
      taken.set(page.name, [...(taken.get(page.name) ?? []), submission])
      return answer(response, proof, submission)
    }
    if (pathname === page.register) {
      const [widget] = page.widgets
      const body = await geetestSite.endpoints?.['/geetest/register']?.(
        vendors.byFamily.geetest ?? { url: '', verifyUrl: '', secretFor: () => '' },
        widget?.sitekey ?? '',
      )
      return reply(response, 'json', JSON.stringify(body))
    }
    const part = page.parts[pathname]
    if (part === undefined) return reply(response, 'html', '', { status: pathname === '/favicon.ico' ? 204 : 404 })
    reply(response, typeOf(pathname), filled(part), { headers: pathname === '/' ? page.headers : {} })
  }

  /** `{{altcha}}`: where the stand-in of a vendor is that every site hosts itself. `{{site:name}}`: another page's. */
  function filled(text: string): string {
    return text
      .replace(/\{\{site:([\w-]+)\}\}/g, (_, name) => `http://${name}${BELOW}:${server.port}`)
      .replace(/\{\{([\w-]+)\}\}/g, (all, name) => vendors.byFamily[name as WidgetFamily]?.url ?? all)
  }

  async function judge(
    page: CorpusPage,
    proof: Proof,
    expected: boolean,
    sent: Pairs,
    { headers }: IncomingMessage,
  ): Promise<Submission> {
    const { path } = proof
    if (!expected) return { path, refused: 'it was sent more often than expected' }
    const family = proof.family ?? page.widgets[0]?.family
    const sitekey = proof.sitekey ?? page.widgets.find((one) => one.family === family)?.sitekey
    if (!family || !sitekey) return { path, refused: 'the page’s file names no widget' }
    const header = (name: string) => [headers[name] ?? ''].flat()[0] ?? ''
    const value = (name: string) => {
      if (name.startsWith('header:')) return header(name.slice(7))
      if (name.startsWith('cookie:')) return cookieOf(header('cookie'), name.slice(7))
      const all = sent.filter(([key]) => key === name).map(([, one]) => one)
      return (proof.takes === 'last' ? all.at(-1) : all[0]) ?? ''
    }
    const form = new URLSearchParams()
    for (const [name] of sent) form.set(name, value(name))
    for (const [name, from] of Object.entries(proof.fields)) form.set(name, value(from))
    if (proof.token) form.set(SITE_FAMILIES[family].field, value(proof.token))
    for (const [name, wanted] of Object.entries(proof.also)) {
      if (value(name) !== wanted) return { path, refused: `${name} is '${value(name)}', not '${wanted}'` }
    }
    const verified = await verifyAt(vendors, family, sitekey, form, { cookie: header('cookie') })
    if (!verified.success) {
      const names = sent.map(([name, text]) => `${name}=${text.slice(0, 12)}`).join('&')
      return { path, refused: `the vendor says ${verified['error-codes']?.join()} to ${names}` }
    }
    if (proof.action !== undefined && verified.action !== proof.action) {
      return { path, refused: `the token has the action ${verified.action}` }
    }
    return { path }
  }

  return {
    urlOf: ({ name }) => `http://${name}${BELOW}:${server.port}/`,
    submissions: ({ name }) => taken.get(name) ?? [],
    forget: ({ name }) => void taken.delete(name),
    close: server.close,
  }
}

function answer(response: ServerResponse, proof: Proof, { refused }: Submission): void {
  const status = refused ? 422 : proof.status
  const text = refused ?? proof.reply ?? '<!doctype html><title>OK</title><h1 id="accepted">Accepted</h1>'
  reply(response, /^\s*[[{]/.test(text) ? 'json' : 'html', text, { status })
}

function typeOf(path: string): 'html' | 'javascript' | 'json' {
  return path.endsWith('.js') ? 'javascript' : path.endsWith('.json') ? 'json' : 'html'
}

function cookieOf(cookies: string, name: string): string {
  const found = cookies.split('; ').find((one) => one.startsWith(`${name}=`))
  return decodeURIComponent(found?.slice(name.length + 1) ?? '')
}

/** The names and values of a request's body: of a form, or of JSON, whose names are dotted. */
async function pairsOf(request: IncomingMessage): Promise<Pairs> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('multipart/form-data') || type.startsWith('application/x-www-form-urlencoded')) {
    const form = await new Response(body, { headers: { 'content-type': type } }).formData()
    return [...form].map(([name, value]) => [name, typeof value === 'string' ? value : value.name])
  }
  const text = body.toString()
  if (!/^\s*[[{]/.test(text)) return [['', text]]
  return dotted(JSON.parse(text))
}

function dotted(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]]
  return Object.entries(value).flatMap(([name, one]) => dotted(one, path ? `${path}.${name}` : name))
}
