import { type SiteFamily, verifyField } from '../../shared/site-family.js'

/** No pages: the widget is the vendor's package, so pages with it are the `pages` option of `startSite`. */
export const altchaSite: SiteFamily = {
  sitekey: 'self-hosted',
  pages: {},
  field: 'altcha',
  verify: verifyField('altcha'),
}
