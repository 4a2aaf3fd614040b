//! Advertisers, their campaigns, and the adgroups that serve.

use segengine::Result;
use tonic::{Request, Response, Status, Streaming};

use super::{Services, adgroups, advertisers};
use crate::v1;
use crate::v1::campaigns_server::Campaigns;

/// The service.
pub(crate) struct CampaignsService(pub(crate) Services);

#[tonic::async_trait]
impl Campaigns for CampaignsService {
    async fn create_advertiser(
        &self,
        request: Request<v1::CreateAdvertiserRequest>,
    ) -> Result<Response<v1::Advertiser>, Status> {
        self.0.answer(request, advertisers::create).await
    }

    async fn get_advertiser(
        &self,
        request: Request<v1::GetAdvertiserRequest>,
    ) -> Result<Response<v1::Advertiser>, Status> {
        self.0.answer(request, |engine, caller, request| advertisers::get(engine, caller, &request)).await
    }

    async fn list_advertisers(
        &self,
        request: Request<v1::ListAdvertisersRequest>,
    ) -> Result<Response<v1::ListAdvertisersResponse>, Status> {
        self.0.answer(request, advertisers::list).await
    }

    async fn update_advertiser(
        &self,
        request: Request<v1::UpdateAdvertiserRequest>,
    ) -> Result<Response<v1::Advertiser>, Status> {
        self.0.answer(request, |engine, caller, request| advertisers::update(engine, caller, &request)).await
    }

    async fn delete_advertiser(
        &self,
        request: Request<v1::DeleteAdvertiserRequest>,
    ) -> Result<Response<v1::DeleteAdvertiserResponse>, Status> {
        self.0.answer(request, |engine, caller, request| advertisers::delete(engine, caller, &request)).await
    }

    async fn create_campaign(
        &self,
        request: Request<v1::CreateCampaignRequest>,
    ) -> Result<Response<v1::Campaign>, Status> {
        self.0.answer(request, advertisers::create_campaign).await
    }

    async fn get_campaign(&self, request: Request<v1::GetCampaignRequest>) -> Result<Response<v1::Campaign>, Status> {
        self.0.answer(request, |engine, caller, request| advertisers::get_campaign(engine, caller, &request)).await
    }

    async fn list_campaigns(
        &self,
        request: Request<v1::ListCampaignsRequest>,
    ) -> Result<Response<v1::ListCampaignsResponse>, Status> {
        self.0.answer(request, advertisers::list_campaigns).await
    }

    async fn update_campaign(
        &self,
        request: Request<v1::UpdateCampaignRequest>,
    ) -> Result<Response<v1::Campaign>, Status> {
        self.0.answer(request, |engine, caller, request| advertisers::update_campaign(engine, caller, &request)).await
    }

    async fn delete_campaign(
        &self,
        request: Request<v1::DeleteCampaignRequest>,
    ) -> Result<Response<v1::DeleteCampaignResponse>, Status> {
        self.0.answer(request, |engine, caller, request| advertisers::delete_campaign(engine, caller, &request)).await
    }

    async fn create_adgroup(
        &self,
        request: Request<v1::CreateAdgroupRequest>,
    ) -> Result<Response<v1::Adgroup>, Status> {
        self.0.answer(request, adgroups::create).await
    }

    async fn get_adgroup(&self, request: Request<v1::GetAdgroupRequest>) -> Result<Response<v1::Adgroup>, Status> {
        self.0.answer(request, adgroups::get).await
    }

    async fn list_adgroups(
        &self,
        request: Request<v1::ListAdgroupsRequest>,
    ) -> Result<Response<v1::ListAdgroupsResponse>, Status> {
        self.0.answer(request, adgroups::list).await
    }

    async fn update_adgroup(
        &self,
        request: Request<v1::UpdateAdgroupRequest>,
    ) -> Result<Response<v1::Adgroup>, Status> {
        self.0.answer(request, adgroups::update).await
    }

    async fn delete_adgroup(
        &self,
        request: Request<v1::DeleteAdgroupRequest>,
    ) -> Result<Response<v1::DeleteAdgroupResponse>, Status> {
        self.0.answer(request, |engine, caller, request| adgroups::delete(engine, caller, &request)).await
    }

    async fn upsert_adgroups(
        &self,
        request: Request<Streaming<v1::UpsertAdgroupsRequest>>,
    ) -> Result<Response<v1::UpsertAdgroupsResponse>, Status> {
        self.0.take_in(request, adgroups::upsert).await
    }

    async fn lookup_adgroups(
        &self,
        request: Request<v1::LookupAdgroupsRequest>,
    ) -> Result<Response<v1::LookupAdgroupsResponse>, Status> {
        self.0.answer(request, |engine, caller, request| adgroups::lookup(engine, caller, &request)).await
    }
}
