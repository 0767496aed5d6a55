import type { SiteFamily } from '../../shared/site-family.js'
import { refuse } from '../../shared/tokens.js'
import { MTCAPTCHA_PAGES } from './pages.js'

export const mtcaptchaSite: SiteFamily = {
  sitekey: 'MTPublic-standin01',
  pages: MTCAPTCHA_PAGES,
  field: 'mtcaptcha-verifiedtoken',
  /** By GET, as the vendor's reference has it. */
  async verify(form, vendor, sitekey) {
    const token = form.get('mtcaptcha-verifiedtoken') ?? form.get('own') ?? ''
    const query = new URLSearchParams({ privatekey: vendor.secretFor(sitekey), token })
    const reply = (await (await fetch(`${vendor.verifyUrl}?${query}`)).json()) as {
      success: boolean
      fail_codes?: string[]
      tokeninfo?: { action: string }
    }
    return reply.success
      ? { success: true, action: reply.tokeninfo?.action ?? '' }
      : refuse(reply.fail_codes?.[0] ?? 'unknown')
  },
}
