import { firstOf, postForm, type SiteFamily } from '../../shared/site-family.js'
import { refuse } from '../../shared/tokens.js'
import { YANDEX_PAGES } from './pages.js'

export const yandexSite: SiteFamily = {
  sitekey: 'ysc1_standin0000000000000000000000000000001',
  pages: YANDEX_PAGES,
  field: 'smart-token',
  /** With `secret` and `token`, as the vendor's reference has it. */
  async verify(form, vendor, sitekey) {
    const token = firstOf(form, ['smart-token', 'token'])
    const { status, message } = await postForm<{ status: string; message: string }>(vendor.verifyUrl, {
      secret: vendor.secretFor(sitekey),
      token,
    })
    return status === 'ok' ? { success: true } : refuse(message)
  },
}
