import { firstOf, postForm, type SiteFamily } from '../../shared/site-family.js'
import { refuse } from '../../shared/tokens.js'
import { ARKOSE_PAGES } from './pages.js'

export const arkoseSite: SiteFamily = {
  sitekey: '5A1C0000-0000-4000-8000-0000000000A1',
  pages: ARKOSE_PAGES,
  field: 'fc-token',
  async verify(form, vendor, sitekey) {
    const token = firstOf(form, ['token', 'fc-token'])
    // A token names its public key, which need not be the page's first one.
    const publicKey = /\|pk=([\w-]+)/.exec(token)?.[1] ?? sitekey
    const fields = { private_key: vendor.secretFor(publicKey), session_token: token }
    const reply = await postForm<{ session_details?: { solved?: boolean }; error?: string }>(vendor.verifyUrl, fields)
    return reply.session_details?.solved ? { success: true } : refuse(reply.error ?? 'not-solved')
  },
}
