import type { SiteFamily } from '../../shared/site-family.js'
import { refuse } from '../../shared/tokens.js'
import { FRIENDLY_PAGES } from './pages.js'

export const friendlySite: SiteFamily = {
  sitekey: 'FCMSTANDIN000001',
  pages: FRIENDLY_PAGES,
  field: 'frc-captcha-response',
  /** By version 1's endpoint if the form has version 1's field, else by version 2's. */
  async verify(form, vendor, sitekey) {
    const solution = form.get('frc-captcha-solution')
    const secret = vendor.secretFor(sitekey)
    const post = async (url: string | URL, fields: Record<string, string>) => {
      const body = new URLSearchParams(fields)
      const reply = await fetch(url, { method: 'POST', headers: { 'x-api-key': secret }, body })
      return (await reply.json()) as { success: boolean; errors?: string[]; error?: { error_code: string } }
    }
    const { success, errors, error } =
      solution === null
        ? await post(vendor.verifyUrl, { response: form.get('frc-captcha-response') ?? form.get('token') ?? '' })
        : await post(new URL('/api/v1/siteverify', vendor.verifyUrl), { solution, secret })
    return success ? { success } : refuse(errors?.[0] ?? error?.error_code ?? 'unknown')
  },
}
