import { faultTests } from './campaign.js'

faultTests(['alerts', 'elasticsearch', 'copy', 'vault', 'redis'], {
  errors: { sample: 2, usual: 30 },
  kills: { sample: 1, usual: 12 },
  bytes: { sample: 2, usual: 24 },
})
