import { postForm, type SiteFamily } from '../../shared/site-family.js'
import { AWS_WAF_PAGES } from './pages.js'

export const awsWafSite: SiteFamily = {
  // An API key with the length and the characters of a real one.
  sitekey: `${'StandIn+For/Tests='.repeat(50)}_0_1`,
  pages: AWS_WAF_PAGES,
  field: 'aws-waf-token',
  /** As the firewall in front of a site does: by the request's header, or else by its cookie. */
  verify(_, vendor, sitekey, { cookie = '', 'x-aws-waf-token': header }) {
    const cookies = [...cookie.matchAll(/(?:^|; )aws-waf-token=([^;]*)/g)]
    // With two cookies of that name it is undefined which one counts.
    const response = typeof header === 'string' ? header : cookies.length === 1 ? (cookies[0]?.[1] ?? '') : ''
    return postForm(vendor.verifyUrl, { secret: vendor.secretFor(sitekey), response })
  },
}
