import { type SiteFamily, verifyField } from '../../shared/site-family.js'
import { TURNSTILE_PAGES } from './pages.js'

export const turnstileSite: SiteFamily = {
  sitekey: '0x4AAAAAAAStandInForTests01',
  pages: TURNSTILE_PAGES,
  field: 'cf-turnstile-response',
  verify: verifyField('cf-turnstile-response', 'token'),
}
