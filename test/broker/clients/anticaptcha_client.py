import json, sys
from python_anticaptcha import AnticaptchaClient
from python_anticaptcha.exceptions import AnticaptchaException
from python_anticaptcha.tasks import ImageToTextTask, RecaptchaV2TaskProxyless

url, key, page, sitekey, picture = sys.argv[1:6]
host = url.removeprefix("http://")
client = AnticaptchaClient(key, host=host, use_ssl=False)
result = {"balance": client.getBalance()}
job = client.create_task(RecaptchaV2TaskProxyless(website_url=page, website_key=sitekey))
job.join()
result["token"] = job.get_solution_response()
result["reported"] = job.report_incorrect_recaptcha()
job = client.create_task(ImageToTextTask(open(picture, "rb")))
job.join()
result["text"] = job.get_captcha_text()
try:
    client.create_task(RecaptchaV2TaskProxyless(website_url="https://elsewhere.example/", website_key=sitekey))
except AnticaptchaException as error:
    result["denied"] = error.error_code
try:
    AnticaptchaClient("f" * 32, host=host, use_ssl=False).create_task(
        RecaptchaV2TaskProxyless(website_url=page, website_key=sitekey)
    )
except AnticaptchaException as error:
    result["refused"] = error.error_code
print(json.dumps(result))
