import { startRecaptcha, startSite, startSolverService } from 'solveguard/testing'

/** Stand-ins for the site, its reCAPTCHA and the solver service. Your own suite does not need this file. */
export default async function setUp(): Promise<() => Promise<void>> {
  const recaptcha = await startRecaptcha()
  const site = await startSite({ recaptcha })
  const service = await startSolverService({
    price: 0.001,
    onAnswer: ({ sitekey }, token) => recaptcha.issue({ sitekey, token }),
  })
  Object.assign(process.env, { SITE_URL: site.url, SERVICE_URL: service.url, SOLVEGUARD_KEY: service.key })
  return async () => {
    await Promise.all([site, recaptcha, service].map((server) => server.close()))
  }
}
